// Package cluster implements [core.Adapter] for one namespace on all servers of a mesh.
// It sends what the Socket.IO server calls for to the other servers, does on this server
// what they call for, in the order in which each of them sent it, and collects answers
// and acknowledgements.
//
// It is built on a [core.Cluster]: in a mesh that is a namespace of a node, in tests a
// fabric in memory.
package cluster

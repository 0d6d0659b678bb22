// Package cluster is the adapter of one namespace on all servers of a mesh: it sends
// what the Socket.IO server asks for to the others, does here what the others ask for,
// in the order in which each of them sent it, and gathers answers and acknowledgements.
//
// It stands on a [core.Cluster], whatever that is: a namespace of a node in a mesh, a
// fabric in memory in tests.
package cluster

// Package node is one server's place in the mesh: a [Node] finds its peers, dials
// them or is dialled, authenticates them, and keeps one link with each, with
// heartbeats, bounded queues and what it knows of the rooms there.
//
// Each namespace that is open on a node is a [core.Cluster]. What is done with it,
// the adapter of package cluster in a mesh, is given to [New]; node does not know it.
package node

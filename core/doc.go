// Package core is the mesh itself: nodes, the links between them, and the
// cluster-wide operations of Socket.IO on top of both.
//
// A [Node] is one process's place in the mesh. It finds its peers through a
// [Discovery], reaches them through a [Transport], speaks to them in a [Codec],
// and gives every Socket.IO namespace an [Adapter], which acts on the local
// server through a [Host]. Those four interfaces are the seams of the house:
// everything outside them (who dials, handshakes, reconnects, heartbeats,
// queues, requests) is this package's own.
//
// The package imports the standard library and this module's internal packages
// only, so that whoever implements a seam imports nothing else.
package core

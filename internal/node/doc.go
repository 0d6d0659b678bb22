// Package node is one server's place in the mesh: a [Node] finds its peers, dials
// them or is dialled, authenticates them, and keeps one link with each, with
// heartbeats, bounded queues and what it knows of the rooms there.
//
// Each namespace that is open on a node is a [core.Cluster]. What is done with it,
// the adapter of package cluster in a mesh, is given to [New]; node does not know it.
//
// A guide to the files. Read node.go first, then peer.go and link.go:
//
//   - node.go: a node's life from New to Shutdown. namespace.go: the core.Cluster of
//     one namespace; standalone.go: one that works without the mesh.
//   - roster.go, dial.go and accept.go: who the servers are, and how a connection to
//     each comes about. handshake.go and handshakes.go: what both ends tell each other
//     before it is a link. dialect.go: nodes of other versions, for tests.
//   - peers.go and peer.go: the other nodes, each with the queue of what waits for it.
//     link.go and stream.go: a connection, and the goroutines that read and write it.
//     heartbeat.go and round_trip.go: whether it lives. flush.go: how it ends without
//     losing what was sent.
//   - publish.go: the way out of a message: encoded once, to each peer's queue (queue.go,
//     fifo.go), and several of them in one frame (batcher.go). frame.go: the frames.
//   - interest_local.go: the rooms here. interest_announcer.go and interest_update.go:
//     how peers are told. interest_remote.go and interest_hashes.go: the rooms there.
//     interest_route.go: who a message is for.
//   - ask.go: questions of operators to other nodes. stats.go, state.go, histogram.go
//     and reasons.go: what is counted and shown. warnings.go: what is legal in a
//     configuration and surely not meant.
//   - deferred.go: calls of users' code, made when no lock is held.
package node

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
//     each comes about. dial_limit.go: which addresses are dialled, and how fast.
//     handshake.go: what both ends tell each other before it is a link. proof.go: that they
//     have the token. process_key.go: that each is the process that it says it is.
//     binding.go: that nobody stands between them.
//     role.go: what each may do.
//     failure_limit.go: who has failed to too often. dialect.go: nodes of
//     other versions, for tests.
//   - peers.go and peer.go: the other nodes, each with the queue of what waits for it.
//     link.go and stream.go: a connection, and the goroutines that read and write it.
//     heartbeat.go, round_trip.go and clock.go: whether it lives. flush.go: how it ends
//     without losing what was sent.
//     assembly.go: the memory of large frames that are under way.
//   - session.go: how what was sent survives the end of a link. session_frames.go: what
//     the two ends say for that. replay.go: what is kept until it has arrived.
//     suspend.go: a peer without a link that may resume. lost.go: that others are told of
//     it, and try theirs. pause.go: a namespace whose
//     listeners do not keep up.
//   - publish.go: the way out of a message: encoded once, to each peer's queue (queue.go,
//     fifo.go), and several of them in one frame (batcher.go). frame.go: the frames.
//     capacity.go: publishers that wait for queues.
//   - interest_local.go: the rooms here. interest_announcer.go and interest_update.go:
//     how peers are told. interest_remote.go and interest_hashes.go: the rooms there.
//     interest_route.go: who a message is for. interest_withheld.go: what was not sent to
//     a peer, and has to be if somebody has joined there meanwhile. interest_mark.go: until
//     when.
//   - trace.go: messages as they pass. trace_arrivals.go: when those of others came. routes.go:
//     where an event would go, and why. ask.go: questions of operators to other
//     nodes. stats.go, state.go, histogram.go
//     and reasons.go: what is counted and shown. warnings.go: what is legal in a
//     configuration and surely not meant.
//   - deferred.go: calls of users' code, made when no lock is held.
package node

// Package node implements one server's part in the mesh: a [Node] finds the other nodes,
// dials them or accepts their connections, authenticates them, and keeps one link with
// each. A peer has a heartbeat, a bounded queue, and a record of the rooms it has told
// of.
//
// Each namespace that is open on a node is a [core.Cluster]. [New] gets a function that
// makes the adapter on top of it: in a mesh that is package cluster, which this package
// does not import.
//
// A guide to the files. Read node.go first, then peer.go and link.go:
//
//   - node.go: a node's life from New to Shutdown. namespace.go: the core.Cluster of
//     one namespace. standalone.go: a core.Cluster that works without the mesh.
//   - roster.go, dial.go and accept.go: which servers there are, and how a connection to
//     each is made. dial_limit.go: which addresses are dialled, and how fast.
//     handshake.go: what both ends send each other before a connection is a link. proof.go:
//     each end proves that it has the token. process_key.go: each end proves that it is the
//     process it claims to be. binding.go: no third party relays between the two ends.
//     role.go: what servers, emitters and observers may do.
//     failure_limit.go: sources from which too many handshakes have failed. dialect.go:
//     nodes of other versions, for tests.
//   - peers.go and peer.go: the other nodes, each with the queue of messages to it.
//     link.go and stream.go: a connection, and the goroutines that read and write it.
//     heartbeat.go, round_trip.go and clock.go: whether a link is alive. flush.go: how a link
//     ends without losing what was sent. assembly.go: the memory of large frames while
//     they are received.
//   - session.go: how messages survive the end of a link. session_frames.go: the frames
//     with which two nodes do that. replay.go: frames that are kept until they are
//     acknowledged. suspend.go: a peer without a link that may resume. lost.go: a node
//     tells its peers of a lost link, and they test theirs. pause.go: a namespace whose
//     listeners do not keep up.
//   - publish.go: how a message is sent: encoded once, added to each peer's queue
//     (queue.go, fifo.go), and several of them in one frame (batcher.go). frame.go: the
//     frames. capacity.go: publishers that wait until the queues are shorter.
//   - interest_local.go: the rooms of this node. interest_announcer.go and
//     interest_update.go: how peers are told of them. interest_remote.go and
//     interest_hashes.go: the rooms of the peers. interest_route.go: which peers get a
//     message. interest_withheld.go: messages that were not sent to a peer and are sent
//     late if a room there turns out to have a member. interest_mark.go: when the node may
//     forget them.
//   - trace.go: messages as they pass. trace_arrivals.go: when messages of peers arrived.
//     routes.go: which peers an event would be sent to, and why. ask.go: questions of
//     operators to other nodes. stats.go, state.go, histogram.go and reasons.go: what is
//     counted and shown. warnings.go: configurations that are legal and surely not meant.
//   - deferred.go: calls of users' code, made when no lock is held.
package node

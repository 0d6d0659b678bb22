// Package load drives Socket.IO servers with many clients at little cost. A [Swarm] is
// the clients of one process: tens of thousands of connections, each of which takes a few
// hundred bytes while it is idle, all handled by one goroutine. On Linux the kernel
// reports which of them have data; on other systems each has a goroutine that reads.
//
// Clients speak Engine.IO 4 and Socket.IO 5 over plain WebSockets, or begin by polling
// and upgrade. They join rooms, publish, and check the sequence of the messages that they
// receive, so that lost, doubled and reordered messages are counted exactly.
//
// The servers answer three events:
//
//	join   room           [ack]   the client joins the room
//	pub    room, payload          everyone in the room, on all servers, gets msg with the payload
//	fetch                 ack     the number of sockets on all servers, from fetchSockets
package load

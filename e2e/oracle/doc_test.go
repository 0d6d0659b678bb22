// Package oracle compares servers on the mesh with Socket.IO's own, of Node: a
// scenario is written once, in node/scenarios, and played with npm's clients on each of
//
//   - Node's socket.io, one server, or three with @socket.io/cluster-adapter where the
//     scenario is about servers,
//   - one server of ours,
//   - three of ours, with the clients spread over them,
//
// by every transport that makes sense for it. What the clients and the server's side of
// their sockets see has to be the same, each for itself: between them there is no order.
// What may differ stands in docs/differences.md.
//
// Clients are JavaScript. Server steps are JavaScript too, but recorded, and run by
// node/world.js on Node and by server/ in Go; see node/record.js.
//
//	go test ./e2e/oracle -run 'TestOracle/rooms'
//
// A scenario must not count on a fast machine: what it compares it waits for. A slow and
// uneven network between clients and servers shows those that do not:
//
//	ORACLE_JITTER=50 go test ./e2e/oracle
package oracle

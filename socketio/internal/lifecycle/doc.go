// Package lifecycle makes the application learn of a client's end as in Node: after
// everything that the client has sent, and once.
//
// The library handles a client's packets in a queue per socket (Socket.Enqueue), but closes
// the sockets at once when the connection ends: packets that wait in a queue are lost, and
// two concurrent closes call the listeners twice. So
//
//   - [Socket] replaces a socket's event emitter. Every close of the socket
//     goes through it, and only the first one reaches the listeners;
//   - [Client] follows the sockets of one connection. It handles the connection's end,
//     the client's DISCONNECT and invalid packets behind the queues, as tasks of
//     each socket's own queue: a handler that blocks delays no other namespace;
//   - [Front] gives the Socket.IO server connections that have a [Client].
//
// It relies on the following behaviour of the library; a test fails if that changes:
//
//   - an event passes the queue of its socket twice (client.go ondecoded, socket.go
//     dispatch), everything else once;
//   - the function that sends an acknowledgement passes its values on as they are (socket.go
//     ack), see [Answered];
//   - Socket._onclose emits "disconnecting" and "disconnect" through the socket's public
//     EventEmitter, and Disconnect(false) writes nothing when the connection is not open;
//   - the first listener of an engine's "connection" is the Socket.IO server's, and the first
//     listener of "data" that it adds to a connection belongs to the client it has made.
package lifecycle

// Package lifecycle sees that the application hears of a client's end as in Node:
// behind everything that the client has sent, and once.
//
// The library handles a client's packets in a queue per socket (Socket.Enqueue), but
// closes the sockets at once when the connection ends: whatever waits in a queue is
// lost, and a close that meets another one tells the listeners twice. So
//
//   - [Socket] takes the place of a socket's event emitter. Every close of the socket
//     goes through it, and only the first one reaches the listeners;
//   - [Client] follows the sockets of one connection. It takes the connection's end,
//     the client's DISCONNECT and invalid packets behind the queues, as tasks of
//     each socket's own queue: a handler that blocks holds up no other namespace;
//   - [Front] gives the Socket.IO server connections that have a [Client].
//
// It relies on the following of the library; a test fails if one of them changes:
//
//   - an event passes the queue of its socket twice (client.go ondecoded, socket.go
//     dispatch), everything else once;
//   - the function that sends an acknowledgement hands its values on as they are (socket.go
//     ack), see [Answered];
//   - Socket._onclose emits "disconnecting" and "disconnect" through the socket's public
//     EventEmitter, and Disconnect(false) writes nothing when the connection is not open;
//   - the first listener of an engine's "connection" is the Socket.IO server's, and the
//     first of a connection's "data" that it adds is that of the client it has made.
package lifecycle

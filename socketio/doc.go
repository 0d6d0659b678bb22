// Package socketio joins a Socket.IO server (github.com/zishang520/socket.io) to the
// mesh. It is the only package that imports that library. Versions 3.0.5 and 3.0.6 are
// supported; with another one there is a warning when a server is made.
//
// [New] makes the constructor that the server wants for its adapters. Each namespace of
// the server, static or dynamic, then has two sides here: adapter.go translates what the
// server asks for (a broadcast, the sockets of a room, …) for the namespace's
// [core.Adapter]; host.go is the [core.Host] through which the mesh acts on the
// namespace's own sockets. Local delivery takes the same way, so a server without peers
// behaves as one with peers.
//
// The other files are
//
//	constructor.go, configure.go, options.go    setting up a server
//	second_server.go                            one server per mesh
//	wrap.go                                     an application's own adapters and hosts
//	losses.go                                   what does not work with a version of the library
//	requests.go                                 requests and their errors
//	local_first.go, on_connect.go               sockets of this server
//	delivery.go                                 delivering one event to local sockets
//	emit.go, encode_failures.go                 values that cannot be sent
//	target.go                                   the library's options as values of core
//	drain.go                                    sending clients to other servers
//	client_stats.go, state.go                   counters, and namespaces for operators
//
// Larger subjects are packages below internal: rooms, acks, callbacks, fetch, siovalue, and
// the fast path to clients with its parts. docs/architecture.md has the list.
//
// # Values
//
// Values are encoded once, by the rules of the library's own encoder, and before the
// emitting call returns. They are decoded only where Go code reads them: arguments of
// server-side events, acknowledgements, the data of remote sockets, "any outgoing"
// listeners. Numbers are float64 there, and binary values are types.BufferInterface, as in
// events that come from clients.
//
// # Delivery
//
// The adapter installs a fast path for what is sent to WebSocket clients, see
// [ClientOptions]: it replaces the library's transports and, for clients that connect by
// WebSocket directly, its engine socket too. Events for clients that poll, and events that
// have listeners of outgoing packets, go through the library's engine socket. Packets from
// all clients are decoded here too, with the library's values and errors. Requests are
// checked, and refused, as Node's engine.io does.
//
// # Rooms
//
// Rooms of a socket of this server are handled here, under one lock per namespace.
// Operations on any other id go to the mesh, and are done on the server that has the
// socket.
package socketio

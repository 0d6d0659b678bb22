// Package adminui lets pages of Socket.IO's admin UI (@socket.io/admin-ui on npm, or
// https://admin.socket.io) connect to any server of a mesh, and shows them all servers.
//
//	ui, err := adminui.Instrument(io, adminui.Options{Username: "admin", PasswordHash: hash})
//	…
//	defer ui.Close()
//
// Every server of the mesh is instrumented, with the same credentials; a page connects to
// any one of them. docs/admin-ui.md says what a page sees, what it costs, and how to
// protect it. Only programs that import this package contain bcrypt.
//
// # What pages and servers send
//
// A page is a client of a separate namespace. Its auth is a user name and a password, or
// the session id that it got for them before. A page gets
//
//	session              a session id, after it has logged in with a password
//	config               what the server lets it do: {supportedFeatures: […]}
//	server_stats         of each server, every two seconds
//	all_sockets          a list of descriptions; it replaces all that the page knows
//	socket_connected     a description and the time
//	socket_updated       id, namespace and what is new, as an object
//	socket_disconnected  namespace, id, reason, time
//	room_joined          namespace, room, id, time; room_left likewise
//	event_received       namespace, id, [name, args…], time; event_sent likewise
//
// and sends emit (namespace, room or nothing, name, args…), join and leave (namespace,
// room, and the target: a room, a socket's id or nothing for all sockets), and _disconnect
// (namespace, whether to close the connection, and the target).
//
// # How servers work together
//
// Servers send each other one server-side event of that namespace, whose argument is a
// [message]. A server with pages announces that every two seconds; the others watch their
// sockets as long as any server has pages, and send what happens in numbered batches. A
// server answers the request for a snapshot with its state after a numbered batch. So a
// page gets a snapshot, and then each later event once, in order. If events were left out
// because there were too many, or lost, it gets a new snapshot.
//
// A member of the namespace that never sends such events is taken for a Node server with
// the original admin UI, which broadcasts its events to the namespace; it gets this
// server's events in the same way.
//
// The files are
//
//	options.go    what an application sets
//	adminui.go    start and end, and the loop that makes all decisions
//	login.go, session.go, attempts.go    authentication
//	members.go    which servers have pages, and which are Node's
//	message.go    what servers send each other
//	namespaces.go, live.go, follow.go    sockets that are watched, and what happens to them
//	describe.go   a socket, as pages get it
//	pages.go      pages of this server
//	snapshot.go   the sockets of all servers
//	stats.go      numbers of this server
//	commands.go   commands of pages
package adminui

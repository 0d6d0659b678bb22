// Package adminui lets the page of Socket.IO's admin UI (@socket.io/admin-ui on npm, or
// https://admin.socket.io) connect to any server of a mesh, and shows it all of them.
//
//	ui, err := adminui.Instrument(io, adminui.Options{Username: "admin", PasswordHash: hash})
//	…
//	defer ui.Close()
//
// Every server of the mesh is instrumented, with the same credentials; a page connects to
// one of them, it does not matter which. docs/admin-ui.md says what a page sees, what it
// costs, and how to protect it. Only programs that import this package have bcrypt in them.
//
// # What a page is told
//
// A page is a client of a namespace of its own. Its auth is a user name and a password, or
// the session id that it was given for them before. It gets
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
// room, and whose: a room, a socket's id or nothing for everybody), and _disconnect
// (namespace, whether to close the connection, and whose).
//
// # How servers work together
//
// Servers talk by one server-side event of that namespace, whose argument is a [message].
// A server with pages says so every two seconds; the others watch their sockets for as long
// as somebody does, and send what happens in numbered batches. A server answers the request
// for a snapshot with what its batches up to a number have said. So a page gets a snapshot,
// and then each event once, in order. If events were left out because there were too many,
// or lost, it gets a new snapshot.
//
// A member of the namespace that never speaks so is taken for a Node server with the
// original, which broadcasts what it has to tell to the namespace, and is told likewise.
//
// The files are
//
//	options.go    what an application sets
//	adminui.go    the beginning and the end; the loop that all decisions are made in
//	login.go, session.go, attempts.go    who is let in
//	members.go    which servers have pages, and which are Node's
//	message.go    what servers send each other
//	namespaces.go, live.go, follow.go    sockets that are watched, and what happens to them
//	describe.go   a socket, as pages get it
//	pages.go      pages of this server
//	snapshot.go   the sockets of all servers
//	stats.go      numbers of this server
//	commands.go   what pages ask for
package adminui

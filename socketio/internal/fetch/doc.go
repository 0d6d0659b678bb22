// Package fetch is what FetchSockets needs of sockets: [Describe] describes those of this
// server for other servers, and [Sockets] makes the library's RemoteSockets of local
// sockets and of descriptions.
//
//	describe.go          local sockets to descriptions
//	sockets.go           sockets and descriptions to RemoteSockets, on several processors
//	cache.go             what is kept of sockets that were handed out lately
//	remote_socket.go     the library's RemoteSocket, made without its constructor
//	handshake.go         a handshake on the wire, in both directions
//	handshake_writer.go  the same for what handshakes usually are, many times as fast
//	handshake_reader.go
//	object_reader.go     members of JSON objects that resemble each other
//	key_cache.go         keys of Go maps that resemble each other
//	handshake_copy.go    handshakes that a caller may change
//	clone.go             values that a caller may change
//	data.go              the data that an application has attached to a socket
package fetch

// Package fetch makes sockets for FetchSockets: [Describe] describes this server's sockets
// for other servers, and [Sockets] makes the library's RemoteSockets from local sockets and
// from descriptions.
//
//	describe.go          local sockets to descriptions
//	sockets.go           sockets and descriptions to RemoteSockets, on several processors
//	cache.go             what is kept of recently returned sockets
//	remote_socket.go     the library's RemoteSocket, made without its constructor
//	handshake.go         handshakes on the wire: encoding and decoding
//	handshake_writer.go  encodes ordinary handshakes many times as fast
//	handshake_reader.go  decodes ordinary handshakes several times as fast
//	object_reader.go     members of JSON objects that resemble each other
//	key_cache.go         keys of Go maps that resemble each other
//	handshake_copy.go    copies of handshakes, which a caller may change
//	clone.go             copies of values, which a caller may change
//	data.go              the data that an application has attached to a socket
package fetch

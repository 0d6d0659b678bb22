// Package ws is the transport over WebSockets (RFC 6455), which the reference
// implementation speaks too (docs/reference-protocol.md, section 1). It is the default.
//
// Addresses to dial are URLs, "ws://10.0.0.7:4000" or "wss://…", or a plain
// "10.0.0.7:4000", which is wss:// for a transport with a certificate and ws://
// for others. The acceptor ignores the path. A frame is one binary message; text
// messages are accepted as well. There is no subprotocol and no compression.
//
// The acceptor says in a header of its response that it is a Go node:
//
//	HTTP/1.1 101 Switching Protocols
//	Socketmesh-Protocol: 1
//
// # TLS
//
// With a certificate in [Options].TLS, the listener speaks TLS only, and HTTP/1.1
// inside it. The dialler verifies the acceptor's certificate for the host that it
// dials. With ClientCAs, the acceptor requires a certificate of the dialler that
// one of these has signed. With ServerName, the certificates of both ends have to
// be for that name: nodes then share one name, whatever their addresses are.
// Failures wrap [core.ErrUnauthorized] at both ends. The error of a dial of ws:// at
// a port with TLS, or of wss:// at one without, says so.
//
// # On another server's port
//
// [Transport.Handler] passes connections from the application's own HTTP server, with
// TLS or without, to a listener at [HandlerAddr].
package ws

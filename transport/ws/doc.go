// Package ws is the transport over WebSockets (RFC 6455), which the reference
// implementation speaks too (docs/reference-protocol.md, section 1). It is the default.
//
// Addresses to dial are URLs, "ws://10.0.0.7:4000" or "wss://…", or a plain
// "10.0.0.7:4000", which is wss:// for a transport with a certificate and ws://
// for others. A path is sent and ignored by the acceptor. A frame is one
// binary message; text messages are taken as well. There is no subprotocol and no
// compression.
//
// The acceptor says in a header of its answer that it is a Go node:
//
//	HTTP/1.1 101 Switching Protocols
//	Socketmesh-Protocol: 1
//
// # TLS
//
// With a certificate in [Options].TLS, the listener speaks TLS only, and HTTP/1.1
// inside it. The dialler verifies the acceptor's certificate for the host that it
// dials. With ClientCAs, the acceptor demands a certificate of the dialler that
// one of these has signed. With ServerName, both want the other's certificate to
// be for that name: nodes then share one name, whatever their addresses are.
// Failures wrap [core.ErrUnauthorized] at both ends. Who dials ws:// where TLS is
// spoken, or wss:// where it is not, is told so.
//
// # On another server's port
//
// [Transport.Handler] takes connections from an HTTP server that the application
// has anyway, with TLS or without, for a listener at [HandlerAddr].
package ws

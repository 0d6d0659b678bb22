// Package ws is the transport over WebSockets (RFC 6455), which the reference
// implementation speaks too (WIRE.md, section 1). It is the default.
//
// Addresses to dial are URLs, "ws://10.0.0.7:4000" or "wss://…", or a plain
// "10.0.0.7:4000". A path is sent and ignored by the acceptor. A frame is one
// binary message; text messages are taken as well. There is no subprotocol and no
// compression.
//
// The acceptor says in a header of its answer that it is a Go node:
//
//	HTTP/1.1 101 Switching Protocols
//	Socketmesh-Protocol: 1
package ws

// Package quic is the transport over QUIC (RFC 9000): always encrypted and authenticated,
// with streams that do not wait for each other. The reference does not support it.
//
// Addresses to dial are "quic://10.0.0.7:4000" or a plain "10.0.0.7:4000".
//
// # Who may connect
//
// Both ends show a certificate and verify the other's, with TLS 1.3. If [Options].TLS is
// set, certificates and authorities come from there, and the dialler checks that the
// acceptor's certificate is for the host it has dialled. Otherwise the mesh has its own
// authority, whose key is derived from [Options].AuthToken, and each process uses it to
// issue its own certificate: every node with the token belongs to the mesh. With neither,
// [Transport.Listen] and [Transport.Dial] fail. [Options].AuthToken describes the
// derivation.
//
// ALPN negotiates the protocol and its version: "socketmesh/1".
//
// # On the wire
//
// Each end opens unidirectional QUIC streams. The first one carries the frames of the
// Conn itself, the n-th after it those of its numbered stream n-1. Nothing is sent on a
// stream before there is a frame for it. A frame is its size plus one, as an unsigned
// varint of package encoding/binary, and its bytes. The first frame on the first stream
// is the preface: the number of numbered streams, as a varint; further bytes are for
// later versions. The smaller number of the two ends is used.
//
// An end that closes ends the streams that it has used. The last frame on the first one
// is a close frame: a zero in place of a size, then a frame with the code, the set of
// used numbered streams (number 0 is bit 0) and the length of the text as varints, and
// the text. When the other end has read everything, it closes the connection with
// application error code 0. A connection that cannot be ended in this way is closed with
// the reason's code and text; code 0 gives no reason.
//
// # Addresses and sockets
//
// A connection is not bound to the addresses with which it began. When the dialler's
// address or port changes (a NAT that forgets, another network), the acceptor verifies
// the new path and the connection continues, as soon as the dialler has sent something
// from there: with [Options].KeepAlive at the latest. An acceptor whose address changes
// has to be dialled again: QUIC lets only diallers migrate.
//
// A dialled connection has its own UDP socket, which is not bound to one of the host's
// addresses. A listener and the connections accepted by it share its socket: the port is
// free when the listener and all of them are closed.
//
// # UDP buffers
//
// The system's limits for the buffers of UDP sockets are often too small for high
// throughput; the transport then logs the size it got. On Linux
//
//	sysctl -w net.core.rmem_max=7500000
//	sysctl -w net.core.wmem_max=7500000
//
// raises them.
package quic

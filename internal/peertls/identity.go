package peertls

import (
	"crypto/tls"
	"encoding/hex"
	"net"
	"strings"
)

// Identity returns the URIs in the certificate of a connection's peer, such as SPIFFE
// IDs, with a space between two; "" if there are none. The connection was verified
// before. Spaces in a URI are escaped, so that one URI cannot look like two.
func Identity(state tls.ConnectionState) string {
	if len(state.PeerCertificates) == 0 {
		return ""
	}
	uris := make([]string, len(state.PeerCertificates[0].URIs))
	for i, uri := range state.PeerCertificates[0].URIs {
		uris[i] = strings.ReplaceAll(uri.String(), " ", "%20")
	}
	return strings.Join(uris, " ")
}

// StateOf returns the TLS state of conn; nil without TLS. conn may embed a *tls.Conn, as
// a listener's own type of connection does; net/http sets Request.TLS for a plain
// *tls.Conn only.
func StateOf(conn net.Conn) *tls.ConnectionState {
	for {
		switch c := conn.(type) {
		case interface{ ConnectionState() tls.ConnectionState }:
			state := c.ConnectionState()
			return &state
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}

// ChannelBinding returns the value of tls-exporter (RFC 9266) of a connection: 32 bytes
// that only its two ends know. It is nil before the handshake is done, and empty, not
// nil, if TLS has no such value: with version 1.2 without extended master secrets, which
// an end can choose.
func ChannelBinding(state tls.ConnectionState) []byte {
	if !state.HandshakeComplete {
		return nil
	}
	value, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
	if err != nil {
		return []byte{}
	}
	return value
}

// Unbound is what an end sends if its TLS has no binding. It equals no other value, not
// even itself: a third party between two ends could choose a TLS without a binding for
// both.
const Unbound = "none"

// Binding returns what an end sends to the other one for a channel binding: "" for nil.
func Binding(value []byte) string {
	if value != nil && len(value) == 0 {
		return Unbound
	}
	return hex.EncodeToString(value)
}

// Relayed reports whether the two ends have different connections. An end that sends
// nothing, such as one behind a balancer that ends TLS, has no value to compare.
func Relayed(ours, theirs string) bool {
	return ours != "" && theirs != "" && (ours != theirs || ours == Unbound)
}

// Verifies reports whether an end with c verifies the certificates of diallers, or, with
// dialled, of the acceptors that it dials. A nil c verifies acceptors, by the system's
// authorities.
func Verifies(c *tls.Config, dialled bool) bool {
	if dialled {
		return c == nil || !c.InsecureSkipVerify || c.VerifyConnection != nil
	}
	return AsksClients(c)
}

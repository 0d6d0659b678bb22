package peertls

import (
	"crypto/tls"
	"encoding/hex"
	"net"
	"strings"
)

// Identity is what the certificate of the peer of a connection says who it is: its URIs,
// as SPIFFE IDs are, with a space between two; "" if it has none. The connection has been
// verified. A space in a URI is escaped: what one says is never taken for two.
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

// StateOf returns what is known of the TLS of conn, nil without TLS. conn may embed a *tls.Conn, as
// a listener's own kind of connection does; net/http sets Request.TLS for a plain *tls.Conn only.
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

// ChannelBinding is the value of tls-exporter (RFC 9266) of a connection: 32 bytes that its two
// ends know, and nobody else. It is nil before the handshake is done, and empty, not nil, where TLS
// has no such value: with version 1.2 without extended master secrets, which an end can choose.
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

// Unbound is what an end says in place of a binding that it has not. It equals nothing, itself
// neither: who stands between two ends can choose a TLS without a binding for both.
const Unbound = "none"

// Binding is what an end says of a channel binding to the other end: "" for nil.
func Binding(value []byte) string {
	if value != nil && len(value) == 0 {
		return Unbound
	}
	return hex.EncodeToString(value)
}

// Relayed tells whether two ends have spoken of different connections. One that says nothing, as
// behind a balancer that ends TLS, has nothing to compare.
func Relayed(ours, theirs string) bool {
	return ours != "" && theirs != "" && (ours != theirs || ours == Unbound)
}

// Verifies tells whether ends with c verify the certificates of those who dial, or of whom
// they dial. A nil c verifies acceptors, by the system's authorities.
func Verifies(c *tls.Config, dialled bool) bool {
	if dialled {
		return c == nil || !c.InsecureSkipVerify || c.VerifyConnection != nil
	}
	return AsksClients(c)
}

package peertls

import (
	"crypto/tls"
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

// ChannelBinding is the value of tls-exporter (RFC 9266) of a connection: 32 bytes that its two
// ends know, and nobody else. It is nil before the handshake is done, and with versions of TLS
// that have none: 1.2 without extended master secrets.
func ChannelBinding(state tls.ConnectionState) []byte {
	if !state.HandshakeComplete {
		return nil
	}
	value, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
	if err != nil {
		return nil
	}
	return value
}

// Verifies tells whether ends with c verify the certificates of those who dial, or of whom
// they dial. A nil c verifies acceptors, by the system's authorities.
func Verifies(c *tls.Config, dialled bool) bool {
	if dialled {
		return c == nil || !c.InsecureSkipVerify || c.VerifyConnection != nil
	}
	return AsksClients(c)
}

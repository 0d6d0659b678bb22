package mesh

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/socketmesh/mesh/core"
)

// Names of the built-in transports.
const (
	TransportWS   = "ws"
	TransportWSS  = "wss" // ws that insists on TLS
	TransportQUIC = "quic"
)

// schemes are those of the addresses that a built-in transport dials; none for
// others, which say it themselves if they care (see [core.Schemer]).
func schemes(transport string) []string {
	switch transport {
	case TransportWS:
		return []string{"ws", "wss"}
	case TransportWSS:
		return []string{"wss"}
	case TransportQUIC:
		return []string{"quic"}
	}
	return nil
}

// advertisable are the schemes under which this server can be reached: a port of
// ws that has a certificate speaks TLS only.
func (c Config) advertisable() []string {
	if c.Transport == TransportWS && c.TLS.serves() && c.Listen != ListenHandler {
		return []string{"wss"}
	}
	return schemes(c.Transport)
}

// defaultAdvertise is the address that is dialled for what listens at listen.
func defaultAdvertise(scheme, listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "" // Validate says what is wrong with Listen.
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// withScheme completes an address that leaves its scheme to the transport.
func withScheme(address, scheme string) string {
	if strings.HasPrefix(address, "//") {
		return scheme + ":" + address
	}
	return address
}

// isURL wants a URL of one of these schemes, with host and port. Credentials,
// queries and fragments have no meaning there.
func isURL(raw string, schemes []string) bool {
	u, err := url.Parse(raw)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Hostname() != "" && isPort(u.Port()) &&
		u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// urlAllowed says in messages what [isURL] wants.
func urlAllowed(schemes []string) string {
	forms := make([]string, len(schemes))
	for i, scheme := range schemes {
		forms[i] = fmt.Sprintf("%q", scheme+"://host:port")
	}
	return strings.Join(forms, " or ")
}

// adopt fits addresses to a transport that is not built in, as far as it says
// which are its own. What is advertised is judged by the node.
func (c *Config) adopt(t core.Transport) error {
	s, ok := t.(core.Schemer)
	if !ok {
		c.Advertise = strings.TrimPrefix(c.Advertise, "//")
		return nil
	}
	c.Advertise = withScheme(c.Advertise, s.Schemes()[0])
	for i, peer := range c.Peers {
		scheme, _, found := strings.Cut(peer, "://")
		if found && !slices.Contains(s.Schemes(), strings.ToLower(scheme)) {
			return &core.ConfigError{Field: fmt.Sprintf("Peers[%d]", i), Value: peer,
				Allowed: "an address that begins with " + strings.Join(s.Schemes(), ":// or ") + "://"}
		}
	}
	return nil
}

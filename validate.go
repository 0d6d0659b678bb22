package mesh

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/transport/quic"
	"github.com/socketmesh/mesh/transport/ws"
)

// Validate tells whether c can work, as far as c alone can tell: a
// [*core.ConfigError] names the field, its value and what is allowed. Whether
// the parts and files it names exist is for [New] to say, which validates too.
func (c Config) Validate() error {
	c = c.withDefaults()
	if err := c.check(schemes(c.Transport), c.advertisable()); err != nil {
		return err
	}
	return cmp.Or(c.checkMount(), c.checkSecrets())
}

// validateSoFar is for a configuration that is not complete: what is there has to
// be good in itself, but may need, or fit, what is still to come.
func (c Config) validateSoFar() error {
	every := slices.Concat(schemes(TransportWS), schemes(TransportQUIC))
	if c.Transport != "" {
		every = schemes(c.Transport)
	}
	return c.withDefaults().check(every, every)
}

// check looks at each field, and at those that must not be there together. The
// schemes are those allowed in Peers and Advertise.
func (c Config) check(dialled, advertised []string) error {
	if err := c.TLS.check(); err != nil {
		return err
	}
	if schemes(c.Transport) != nil {
		if err := c.checkListen(advertised); err != nil {
			return err
		}
	}
	if err := c.checkDiscovery(dialled); err != nil {
		return err
	}
	// Numbers and times are judged by their owner. A node that was not started
	// is nothing but memory.
	probe := c.node()
	probe.Advertise = ""
	probe.Transport, probe.Codecs = ws.New(ws.Options{}), []core.Codec{json.New()}
	_, err := core.New(probe)
	return err
}

// checkListen knows where the built-in transports can be.
func (c Config) checkListen(advertised []string) error {
	mounted := c.Listen == ListenHandler && c.Transport != TransportQUIC
	if !mounted && !isListen(c.Listen) {
		return &core.ConfigError{Field: "Listen", Value: c.Listen, Allowed: `"host:port" or ":port", the port between 0 and 65535`}
	}
	if !isURL(c.Advertise, advertised) && !(mounted && c.Advertise == "") {
		return &core.ConfigError{Field: "Advertise", Value: c.Advertise, Allowed: c.urlAllowed(advertised)}
	}
	return nil
}

// checkDiscovery refuses the addresses that the discovery which is configured
// would not look at.
func (c Config) checkDiscovery(dialled []string) error {
	switch c.Discovery {
	case DiscoveryService:
		if len(c.Peers) > 0 {
			return &core.ConfigError{Field: "Peers", Value: c.Peers, Allowed: `none with Discovery "service"`}
		}
		if !isURL(c.DiscoveryAddress, schemes(TransportWS)) {
			return &core.ConfigError{Field: "DiscoveryAddress", Value: c.DiscoveryAddress, Allowed: urlAllowed(schemes(TransportWS))}
		}
	case DiscoveryStatic:
		if c.DiscoveryAddress != "" {
			return &core.ConfigError{Field: "DiscoveryAddress", Value: c.DiscoveryAddress, Allowed: `none with Discovery "static"`}
		}
		return c.checkPeers(dialled)
	}
	return nil
}

func (c Config) checkPeers(dialled []string) error {
	if schemes(c.Transport) == nil {
		return nil
	}
	for i, peer := range c.Peers {
		if !isURL(peer, dialled) {
			return &core.ConfigError{Field: fmt.Sprintf("Peers[%d]", i), Value: peer, Allowed: c.urlAllowed(dialled)}
		}
	}
	return nil
}

// checkMount wants to be told where the handler is: nothing here knows.
func (c Config) checkMount() error {
	if c.Listen != ListenHandler || schemes(c.Transport) == nil {
		return nil
	}
	if u, err := url.Parse(c.Advertise); err != nil || u.Port() == "" || u.Port() == "0" {
		return &core.ConfigError{Field: "Advertise", Value: c.Advertise,
			Allowed: fmt.Sprintf("where the handler is mounted, as \"wss://app1.example:443/mesh\", with Listen %q", ListenHandler)}
	}
	return nil
}

// checkSecrets wants what the transport does not work without.
func (c Config) checkSecrets() error {
	switch {
	case c.Transport == TransportWSS && !c.TLS.serves() && c.Listen != ListenHandler:
		return &core.ConfigError{Field: "TLS.CertFile", Value: c.TLS.CertFile, Allowed: `a certificate, with Transport "wss"`}
	case c.Transport == TransportQUIC && (c.TLS == TLS{} || c.TLS.Config != nil):
		return quic.Options{Token: c.AuthToken, TLS: c.TLS.Config}.Validate()
	case c.Transport == TransportQUIC && c.TLS.CertFile == "":
		return &core.ConfigError{Field: "TLS.CertFile", Value: c.TLS.CertFile, Allowed: `a certificate, if there is something in TLS, with Transport "quic"`}
	case c.Transport == TransportQUIC && c.TLS.CAFile == "":
		return &core.ConfigError{Field: "TLS.CAFile", Value: c.TLS.CAFile, Allowed: `the authority of the mesh, with Transport "quic"`}
	}
	return nil
}

// urlAllowed names the reason as well.
func (c Config) urlAllowed(schemes []string) string {
	allowed := fmt.Sprintf("%s, with Transport %q", urlAllowed(schemes), c.Transport)
	if c.Transport == TransportWS && len(schemes) == 1 {
		allowed += " and a certificate in TLS"
	}
	return allowed
}

// isListen wants "host:port" with a numeric port.
func isListen(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	return err == nil && isPort(port)
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

package mesh

import (
	"fmt"
	"net"
	"net/url"
	"strconv"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/transport/ws"
)

// Validate tells whether c can work, as far as c alone can tell: a
// [*core.ConfigError] names the field, its value and what is allowed. Whether
// the parts it names exist is for [New] to say, which validates too.
func (c Config) Validate() error {
	c = c.withDefaults()
	if err := c.checkAddresses(); err != nil {
		return err
	}
	// Numbers and times are judged by their owner. A node that was not started
	// is nothing but memory.
	probe := c.node()
	probe.Transport, probe.Codecs = ws.New(ws.Options{}), []core.Codec{json.New()}
	_, err := core.New(probe)
	return err
}

// checkAddresses knows the addresses of the built-in parts, and refuses those
// that the discovery which is configured would not look at.
func (c Config) checkAddresses() error {
	if c.Transport == DefaultTransport {
		if !isListen(c.Listen) {
			return &core.ConfigError{Field: "Listen", Value: c.Listen, Allowed: `"host:port" or ":port", the port between 0 and 65535`}
		}
		if !isURL(c.Advertise) {
			return &core.ConfigError{Field: "Advertise", Value: c.Advertise, Allowed: urlAllowed}
		}
	}
	switch c.Discovery {
	case DiscoveryService:
		if len(c.Peers) > 0 {
			return &core.ConfigError{Field: "Peers", Value: c.Peers, Allowed: `none with Discovery "service"`}
		}
		if !isURL(c.DiscoveryAddress) {
			return &core.ConfigError{Field: "DiscoveryAddress", Value: c.DiscoveryAddress, Allowed: urlAllowed}
		}
	case DiscoveryStatic:
		if c.DiscoveryAddress != "" {
			return &core.ConfigError{Field: "DiscoveryAddress", Value: c.DiscoveryAddress, Allowed: `none with Discovery "static"`}
		}
		return c.checkPeers()
	}
	return nil
}

func (c Config) checkPeers() error {
	if c.Transport != DefaultTransport {
		return nil
	}
	for i, peer := range c.Peers {
		if !isURL(peer) {
			return &core.ConfigError{Field: fmt.Sprintf("Peers[%d]", i), Value: peer, Allowed: urlAllowed}
		}
	}
	return nil
}

const urlAllowed = `"ws://host:port" or "wss://host:port"`

// isListen wants "host:port" with a numeric port.
func isListen(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	return err == nil && isPort(port)
}

// isURL wants a WebSocket URL with host and port. Credentials, queries and
// fragments have no meaning there.
func isURL(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "ws" || u.Scheme == "wss") && u.Hostname() != "" && isPort(u.Port()) &&
		u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// defaultAdvertise is the address that is dialled for what listens at listen.
func defaultAdvertise(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "" // Validate says what is wrong with Listen.
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "ws://" + net.JoinHostPort(host, port)
}

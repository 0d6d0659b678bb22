package core

import (
	"net"
	"slices"
	"strings"
)

// advertisedAddress is what a node tells others to dial: the address that is
// configured, in which port 0 stands for the port it really listens on; or, if
// none is, where it listens.
func advertisedAddress(configured, listening string) string {
	if configured == "" {
		return listening
	}
	_, port, err := net.SplitHostPort(listening)
	if err != nil {
		return configured
	}
	scheme, rest, found := strings.Cut(configured, "://")
	if !found {
		scheme, rest = "", configured
	}
	authority, path, hasPath := strings.Cut(rest, "/")
	host, configuredPort, err := net.SplitHostPort(authority)
	if err != nil || configuredPort != "0" {
		return configured
	}
	address := net.JoinHostPort(host, port)
	if found {
		address = scheme + "://" + address
	}
	if hasPath {
		address += "/" + path
	}
	return address
}

// dials tells whether the transport can dial an address, as far as its scheme
// says, and what that is.
func (c *Config) dials(address string) (scheme string, ok bool) {
	transport, picky := c.Transport.(Schemer)
	scheme, _, found := strings.Cut(address, "://")
	if !picky || !found {
		return "", true
	}
	return scheme, slices.Contains(transport.Schemes(), strings.ToLower(scheme))
}

// schemeList shows schemes in messages, as "ws:// or wss://".
func schemeList(transport Schemer) string {
	return strings.Join(transport.Schemes(), ":// or ") + "://"
}

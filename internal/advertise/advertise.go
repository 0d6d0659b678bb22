// Package advertise has what nodes and their configuration know of the addresses that
// peers dial.
package advertise

import (
	"net"
	"slices"
	"strings"
)

// Address is what a node tells others to dial: the address that is
// configured, in which port 0 stands for the port it really listens on; or, if
// none is, where it listens.
func Address(configured, listening string) string {
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

// Dials tells whether a transport that dials these schemes, or anything if there are
// none, can dial an address, and what its scheme is.
func Dials(schemes []string, address string) (scheme string, ok bool) {
	scheme, _, found := strings.Cut(address, "://")
	if len(schemes) == 0 || !found {
		return "", true
	}
	return scheme, slices.Contains(schemes, strings.ToLower(scheme))
}

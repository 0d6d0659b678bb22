package core

import (
	"net"
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

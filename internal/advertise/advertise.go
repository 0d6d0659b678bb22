// Package advertise has what nodes and their configuration know of the addresses that
// peers dial.
package advertise

import (
	"net"
	"net/netip"
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

// Local is the address under which this machine reaches what listens at address: a
// server that listens on all interfaces is found at localhost.
func Local(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if IsUnspecified(host) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// IsLoopback tells whether a host is the machine that dials it.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// IsUnspecified tells whether a host to listen on means all interfaces: 0.0.0.0, ::, and
// the empty host of ":4000".
func IsUnspecified(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// Within reports whether an IP address is in one of networks. An IPv4 address that is
// written as IPv6 counts as what it is.
func Within(networks []netip.Prefix, ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(ip) })
}

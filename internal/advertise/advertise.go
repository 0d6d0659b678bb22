// Package advertise handles the addresses that nodes advertise and peers dial.
package advertise

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Address returns the address that a node advertises: the configured one, in which port 0
// stands for the port on which it really listens; or, if none is configured, the address
// on which it listens.
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

// Dials reports whether a transport with these schemes can dial an address, and returns
// the address's scheme. A transport without schemes can dial any address.
func Dials(schemes []string, address string) (scheme string, ok bool) {
	scheme, _, found := strings.Cut(address, "://")
	if len(schemes) == 0 || !found {
		return "", true
	}
	return scheme, slices.Contains(schemes, strings.ToLower(scheme))
}

// Local returns the address at which this machine reaches a server that listens at
// address: a server that listens on all interfaces is at localhost.
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

// IsLoopback reports whether a host is the machine that dials it.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// IsUnspecified reports whether listening on a host means all interfaces: 0.0.0.0, ::,
// and the empty host of ":4000".
func IsUnspecified(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// Within reports whether an IP address is in one of networks. An IPv4 address in the form
// of an IPv6 address counts as IPv4.
func Within(networks []netip.Prefix, ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(ip) })
}

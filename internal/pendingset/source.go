package pendingset

import "net/netip"

// Source returns the source of a connection for limits: an IPv4 address, or the /64
// network that a host on IPv6 usually has to itself. It is the zero Prefix for addresses
// that are not IP addresses, such as those of connections inside a process.
func Source(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr, bits := at.Addr().Unmap().WithZone(""), 64
	if addr.Is4() {
		bits = 32
	}
	source, _ := addr.Prefix(bits) // it fails for bits beyond the address only
	return source
}

package pendingset

import "net/netip"

// Source is what counts as one source of connections: an IPv4 address, or the /64
// network that a host on IPv6 usually has to itself. It is the zero Prefix for an
// address that is not of IP, as those inside a process.
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

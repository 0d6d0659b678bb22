package adminui

import (
	"net/netip"
	"sync"
	"time"
)

const (
	maxFailures     = 5                // failed logins from one network before it has to wait
	failureRecovery = 10 * time.Second // the time after which one failure is forgotten
	maxNetworks     = 4096             // networks that are remembered
)

// attempts counts failed logins by the network that they come from: an IPv4 address, or a
// /64 network of IPv6, which is what one customer gets. When all places are taken, the
// network whose last failure is the oldest is forgotten.
type attempts struct {
	mu     sync.Mutex
	failed map[netip.Prefix]failures
}

// failures are the failed logins of one network: how many counted at the time of the last
// one.
type failures struct {
	count float64
	at    time.Time
}

func (f failures) now(now time.Time) float64 {
	return max(0, f.count-now.Sub(f.at).Seconds()/failureRecovery.Seconds())
}

// begin counts an attempt as failed until succeeded is called, so that concurrent attempts
// cannot exceed the limit. It returns false if too many have failed.
func (a *attempts) begin(network netip.Prefix, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, known := a.failed[network]
	count := f.now(now)
	if count > maxFailures-1 {
		return false
	}
	if !known && len(a.failed) >= maxNetworks {
		a.forgetOne()
	}
	if a.failed == nil {
		a.failed = map[netip.Prefix]failures{}
	}
	a.failed[network] = failures{count + 1, now}
	return true
}

// succeeded undoes what begin has counted.
func (a *attempts) succeeded(network netip.Prefix) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, known := a.failed[network]
	if !known {
		return
	}
	if f.count--; f.count <= 0 {
		delete(a.failed, network)
		return
	}
	a.failed[network] = f
}

// forgetOne forgets the network whose last failure is the oldest; a.mu is held.
func (a *attempts) forgetOne() {
	var oldest netip.Prefix
	var since time.Time
	for network, f := range a.failed {
		if since.IsZero() || f.at.Before(since) {
			oldest, since = network, f.at
		}
	}
	delete(a.failed, oldest)
}

// networkOf returns the network of an address. All that are not IP addresses (Unix sockets)
// share one.
func networkOf(address string) netip.Prefix {
	ip, err := netip.ParseAddr(withoutPort(address))
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	network, _ := ip.Prefix(bits)
	return network
}

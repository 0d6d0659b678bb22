package quic

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/socketmesh/mesh/core"
)

// TestNetworks: Dial connects to addresses of the networks alone, whether they are written
// as such or as names.
func TestNetworks(t *testing.T) {
	l := listen(t, shared())
	_, port, _ := net.SplitHostPort(l.Addr())
	for _, host := range []string{"127.0.0.1", "localhost"} {
		for network, allowed := range map[string]bool{"127.0.0.0/8": true, "10.0.0.0/8": false} {
			options := quick
			options.Networks = []netip.Prefix{netip.MustParsePrefix(network)}
			c, err := dial(t, like(options), "quic://"+host+":"+port)
			if allowed != (err == nil) || !allowed && !errors.Is(err, core.ErrForbiddenAddress) {
				t.Errorf("%s with network %s: %v", host, network, err)
			}
			if err == nil {
				closeBoth(c, accept(t, l))
			}
		}
	}
}

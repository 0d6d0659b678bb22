package ws

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
	l := listen(t, quick)
	_, port, _ := net.SplitHostPort(l.Addr())
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		for network, allowed := range map[string]bool{"127.0.0.0/8": true, "10.0.0.0/8": false} {
			o := quick
			o.Networks = []netip.Prefix{netip.MustParsePrefix(network)}
			c, err := New(o).Dial(t.Context(), "ws://"+host+":"+port)
			if err == nil {
				c.Close(core.CloseShutdown)
			}
			if allowed != (err == nil) || !allowed && !errors.Is(err, core.ErrForbiddenAddress) {
				t.Errorf("%s with network %s: %v", host, network, err)
			}
		}
	}
}

package static_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/discoverytest"
	"github.com/socketmesh/mesh/discovery/static"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	discoverytest.Run(t, discoverytest.Features{Reports: true}, func(*testing.T) func() core.Discovery {
		return func() core.Discovery {
			return static.New(static.Options{Peers: []string{"ws://10.0.0.1:4000", "ws://10.0.0.2:4000"}})
		}
	})
}

func TestReportsTheListOnce(t *testing.T) {
	for name, c := range map[string]struct{ peers, want []string }{
		"none":          {nil, nil},
		"two":           {[]string{"ws://a:1", "wss://b:2/path"}, []string{"ws://a:1", "wss://b:2/path"}},
		"self left out": {[]string{"ws://a:1", "ws://self:9"}, []string{"ws://a:1"}},
		"twice":         {[]string{"ws://a:1", "ws://b:2", "ws://a:1"}, []string{"ws://a:1", "ws://b:2"}},
		"IPv6":          {[]string{"quic://[::1]:4000"}, []string{"quic://[::1]:4000"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var rosters [][]core.Peer
				ended := make(chan error, 1)
				go func() {
					self := core.Peer{ID: "s", Address: "ws://self:9"}
					ended <- static.New(static.Options{Peers: c.peers}).Run(ctx, self, func(roster []core.Peer) {
						rosters = append(rosters, roster)
					})
				}()
				synctest.Wait()
				if len(rosters) != 1 {
					t.Fatalf("%d rosters: want one", len(rosters))
				}
				var want []core.Peer
				for _, address := range c.want {
					want = append(want, core.Peer{Address: address})
				}
				if !slices.Equal(rosters[0], want) {
					t.Errorf("roster is %v: want %v", rosters[0], want)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Errorf("Run returned %v", err)
				}
			})
		})
	}
}

func TestListIsCopied(t *testing.T) {
	peers := []string{"ws://a:1"}
	d := static.New(static.Options{Peers: peers})
	peers[0] = "ws://changed:1"
	ctx, cancel := context.WithCancel(t.Context())
	d.Run(ctx, core.Peer{}, func(roster []core.Peer) {
		if roster[0].Address != "ws://a:1" {
			t.Errorf("the caller's change is seen: %v", roster)
		}
		cancel()
	})
}

func TestBadAddressesAreRefused(t *testing.T) {
	for _, address := range []string{
		"", " ", "a:1", "10.0.0.1:4000", "ws://", "ws://a", "ws://:4000", "ws://a:0", "ws://a:65536", "ws://a:x", "//a:1", "ws//a:1", "ws://a b:1", "\x00",
	} {
		d := static.New(static.Options{Peers: []string{"ws://fine:1", address}})
		err := d.Run(t.Context(), core.Peer{}, func([]core.Peer) { t.Errorf("%q: a roster was reported", address) })
		var bad *core.ConfigError
		if !errors.As(err, &bad) || bad.Field != "Peers" || bad.Value != address {
			t.Errorf("%q: error is %v: want a ConfigError of Peers", address, err)
		}
	}
}

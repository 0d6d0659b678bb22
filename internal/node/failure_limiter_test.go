package node

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
)

// TestFailureTableIsBounded: a table full of others' failures forgets the source with
// the fewest, and servers that cannot agree or that leave do not count.
func TestFailureTableIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := func(i int) netip.Prefix {
			return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
		}
		var l failureLimit
		fail := func(i, times int, why error) {
			for range times {
				l.note(source(i), why)
			}
		}
		fail(0, 2*failureBurst, core.ErrUnauthorized)
		fail(1, 2*failureBurst, core.ErrNoCommonVersion)
		fail(1, 2*failureBurst, core.ErrClosed)
		if l.allows(source(0)) || !l.allows(source(1)) {
			t.Error("the wrong source is refused")
		}
		for i := 2; i < 3*failureSources; i++ {
			fail(i, 1, core.ErrMalformed)
		}
		if len(l.sources) > failureSources {
			t.Errorf("%d sources are remembered", len(l.sources))
		}
		if l.allows(source(0)) {
			t.Error("the source with the most failures is forgotten")
		}
		l.note(netip.Prefix{}, core.ErrUnauthorized)
		if !l.allows(netip.Prefix{}) || l.sources[netip.Prefix{}].count != 0 {
			t.Error("what is no IP address is limited")
		}
		time.Sleep(time.Hour)
		if fail(1, 1, errHandshakeTimeout); !l.allows(source(0)) || len(l.sources) >= failureSources {
			t.Errorf("%d sources are remembered after an hour", len(l.sources))
		}
	})
}

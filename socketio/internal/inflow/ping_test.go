package inflow

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPing: one pong for each ping, when it has been waited for.
func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Ping
		want := func(may bool, when string) {
			t.Helper()
			if p.Take() != may {
				t.Errorf("a pong may be made up %s: %v", when, !may)
			}
		}
		time.Sleep(time.Second)
		want(false, "before the first ping")
		p.Sent()
		want(false, "before anybody waits")
		time.Sleep(settled)
		want(true, "for a ping")
		want(false, "again")
		p.Sent()
		time.Sleep(time.Second)
		p.Answered()
		want(false, "behind the client's own")
	})
}

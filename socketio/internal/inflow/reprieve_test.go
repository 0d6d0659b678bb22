package inflow

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/socketio/internal/timingwheel"
)

// TestReprieve: a client is given a pong shortly before its time is over if the server is late
// or has still to read what it sent, and not if it is silent.
func TestReprieve(t *testing.T) {
	const timeout = time.Second
	for _, c := range []struct {
		name   string
		before time.Duration // how late the process was when the ping was sent, and is at the end
		after  time.Duration
		unread bool
		want   int64
	}{
		{"silent", 0, 0, false, 0},
		{"silent, and the process was late before", time.Minute, time.Minute, false, 0},
		{"late", time.Minute, time.Minute + 1, false, 1},
		{"unread", 0, 0, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var late, pongs atomic.Int64
				r := Reprieve{
					Clock: timingwheel.New(10 * time.Millisecond), Timeout: timeout,
					Late: func() time.Duration { return time.Duration(late.Load()) }, Unread: func() bool { return c.unread }, Pong: func() { pongs.Add(1) },
				}
				for range 2 { // pings
					pongs.Store(0)
					late.Store(int64(c.before))
					r.Sent()
					time.Sleep(timeout / 2)
					late.Store(int64(c.after))
					if synctest.Wait(); pongs.Load() != 0 {
						t.Error("a pong while the client has time to answer")
					}
					time.Sleep(timeout / 2)
					if synctest.Wait(); pongs.Load() != c.want {
						t.Errorf("%d pongs, want %d", pongs.Load(), c.want)
					}
				}
			})
		})
	}
}

// TestPingWhileAReprieveExpires: a client gets its next ping while the clock looks at the one
// before. The race detector has to find nothing.
func TestPingWhileAReprieveExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tick = 10 * time.Millisecond
		r := Reprieve{
			Clock: timingwheel.New(tick), Timeout: tick,
			Late: func() time.Duration { return 0 }, Unread: func() bool { return false },
		}
		for range 1000 {
			r.Sent()
			time.Sleep(2 * tick) // it expires at the very moment of the next ping
		}
		time.Sleep(time.Second)
	})
}

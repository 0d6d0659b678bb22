package loglimit_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/internal/loglimit"
)

// allow asks times times, and returns how many entries were allowed.
func allow(l *loglimit.Limiter, key string, times int) (allowed int) {
	for range times {
		if _, ok := l.Allow(key); ok {
			allowed++
		}
	}
	return allowed
}

func TestOneEntryPerKeyAndPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l loglimit.Limiter
		for _, key := range []string{"a", "b"} {
			if n := allow(&l, key, 5); n != 1 {
				t.Errorf("%d entries with key %s: want 1", n, key)
			}
		}
		time.Sleep(loglimit.DefaultPeriod - 1)
		if _, ok := l.Allow("a"); ok {
			t.Error("an entry is allowed before the period is over")
		}
		time.Sleep(time.Nanosecond)
		if suppressed, ok := l.Allow("a"); !ok || suppressed != 5 {
			t.Errorf("in the next period: allowed %v, %d suppressed; want 5", ok, suppressed)
		}
		if suppressed, ok := l.Allow("b"); !ok || suppressed != 4 {
			t.Errorf("key b in the next period: allowed %v, %d suppressed; want 4", ok, suppressed)
		}
	})
}

func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := loglimit.Limiter{Burst: 10}
		if n := allow(&l, "", 50); n != 10 {
			t.Errorf("%d of 50 entries: want 10", n)
		}
		time.Sleep(loglimit.DefaultPeriod)
		for i, want := range []int{40, 0} {
			if suppressed, ok := l.Allow(""); !ok || suppressed != want {
				t.Errorf("entry %d of the next period: allowed %v, %d suppressed; want %d", i, ok, suppressed, want)
			}
		}
	})
}

// TestLog: an entry says how many were suppressed before it, if any were.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		}))
		var l loglimit.Limiter
		for range 3 {
			l.Log(log, slog.LevelWarn, "key", "refused", "remote", "a")
		}
		time.Sleep(loglimit.DefaultPeriod)
		l.Log(log, slog.LevelWarn, "key", "refused", "remote", "b")
		want := "level=WARN msg=refused remote=a\nlevel=WARN msg=refused remote=b suppressed=2\n"
		if got := out.String(); got != want {
			t.Errorf("logged\n%swant\n%s", got, want)
		}
	})
}

func TestForget(t *testing.T) {
	l := loglimit.Limiter{Period: time.Hour}
	allow(&l, "a", 3)
	l.Forget("a")
	if suppressed, ok := l.Allow("a"); !ok || suppressed != 0 {
		t.Errorf("after Forget: allowed %v, %d suppressed", ok, suppressed)
	}
}

// TestKeysAreBounded: a flood of keys is neither logged nor kept, and does not
// make the limiter forget the keys that it counts.
func TestKeysAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := loglimit.Limiter{Period: time.Minute, Keys: 4}
		for _, at := range []time.Duration{0, time.Second} { // two keys begin a second later
			time.Sleep(at)
			for i := range 2 {
				if n := allow(&l, fmt.Sprint(at, i), 1); n != 1 {
					t.Fatalf("key %d at %v is not allowed", i, at)
				}
			}
		}
		for i := range 100 {
			if n := allow(&l, fmt.Sprint("flood", i), 1); n != 0 {
				t.Fatal("a fifth key is allowed")
			}
		}
		if n := allow(&l, fmt.Sprint(time.Duration(0), 0), 1); n != 0 {
			t.Error("the flood made the limiter forget a key")
		}
		time.Sleep(59 * time.Second) // the first two have expired
		for i, want := range []int{1, 1, 0} {
			if n := allow(&l, fmt.Sprint("next", i), 1); n != want {
				t.Errorf("new key %d: %d entries, want %d", i, n, want)
			}
		}
		l.Forget("next0")
		if n := allow(&l, "another", 1); n != 1 {
			t.Error("no key is allowed in the place of one that was forgotten")
		}
	})
}

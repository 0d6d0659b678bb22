package fetch

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func TestCacheExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewCache()
		key := cacheKey{id: "one"}
		one := new(cached)
		knows := func() bool { return r.find(1, func(int) cacheKey { return key })[0] == one }
		pass := func(quarters time.Duration) {
			time.Sleep(quarters * cacheLifetime / 4) // the bubble's time
			synctest.Wait()
		}
		r.prolong()
		r.put(key, one)
		pass(3)
		r.prolong()
		pass(3)
		if !knows() {
			t.Error("forgotten while it is asked for")
		}
		pass(1)
		if knows() {
			t.Error("kept")
		}

		r.prolong()
		r.put(key, one)
		pass(3)
		if !knows() {
			t.Error("forgotten after it had been forgotten")
		}
		pass(1)
		if knows() {
			t.Error("kept after it had been forgotten")
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	r := NewCache()
	for i := range 5 * maxCached {
		r.put(cacheKey{id: socket.SocketId(rune(i))}, new(cached))
	}
	if n := r.known.Len(); n > 2*maxCached {
		t.Errorf("%d are kept", n)
	}
}

// TestCacheForgetsWhatHasGone: as long as somebody asks, what is asked for is kept, and
// what is not is forgotten within two minutes.
func TestCacheForgetsWhatHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewCache()
		ask := func(id socket.SocketId) {
			r.prolong()
			key := cacheKey{id: id}
			if r.find(1, func(int) cacheKey { return key })[0] == nil {
				r.put(key, new(cached))
			}
		}
		ask("gone")
		for range 13 {
			ask("there")
			time.Sleep(cacheLifetime / 6)
		}
		if n := r.known.Len(); n != 1 {
			t.Errorf("%d sockets are kept, want the one that is there", n)
		}
		r.Clear() // and the timer ends with the bubble
	})
}

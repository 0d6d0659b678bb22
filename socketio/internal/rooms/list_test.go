package rooms

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestList: what is pushed is where it was put, and comes back from the end, however long
// the list gets and however short again.
func TestList(t *testing.T) {
	var l list[int]
	var want []int
	for step, most := 0, 0; step < 40; step++ {
		most = rand.IntN(3*chunkLen + 2)
		for len(want) < most {
			v := rand.Int()
			l.push(v)
			want = append(want, v)
		}
		for len(want) > most {
			if v := l.pop(); v != want[len(want)-1] {
				t.Fatalf("popped %d, not %d", v, want[len(want)-1])
			}
			want = want[:len(want)-1]
		}
		if l.len() != len(want) {
			t.Fatalf("%d values, not %d", l.len(), len(want))
		}
		for i, v := range want {
			if *l.at(i) != v {
				t.Fatalf("%d at %d, not %d", *l.at(i), i, v)
			}
		}
		if l.rest != nil && len(l.rest.all)*chunkLen > l.rest.len+2*chunkLen {
			t.Fatalf("%d chunks for %d values", len(l.rest.all), l.rest.len)
		}
	}
	for l.len() > 0 {
		l.pop()
	}
	if l.rest != nil || cap(l.first) > 64 {
		t.Errorf("an empty list keeps %v, %d", l.rest, cap(l.first))
	}
}

// TestNoLongTurns: between two turns of others no operation asks for much memory, however
// many rooms and sockets there are: to get and to fill it would take its time.
func TestNoLongTurns(t *testing.T) {
	const count, most = 100_000, 1 << 20
	r, ids := crowd(t, count)
	names := numbered("r", count)
	_ = r.events.On("join-room", func(...any) {})
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	last, largest := m.TotalAlloc, uint64(0)
	r.pause = func() {
		runtime.ReadMemStats(&m)
		largest = max(largest, m.TotalAlloc-last)
		last = m.TotalAlloc
	}
	turns := func(what string, do func()) {
		t.Helper()
		r.pause()
		largest = 0
		do()
		if largest > most {
			t.Errorf("%s: %d bytes in one turn", what, largest)
		}
	}
	turns("join", func() { r.Add(ids[0], names) })
	turns("leave", func() { r.RemoveAll(ids[0]) })
	r.departed.Clear()
	turns("crowd", func() {
		for i, id := range ids {
			if r.Add(id, []socket.Room{"crowd"}); i%atOnce == 0 {
				r.pause()
			}
		}
	})
	turns("crowd leaves", func() {
		for i, id := range ids {
			if r.RemoveAll(id); i%atOnce == 0 {
				r.pause()
			}
		}
	})
}

package rooms

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// inRooms is how many rooms a socket is in, with the one of its own.
func inRooms(r *Rooms, id socket.SocketId) int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	m := r.index.sockets[id]
	if m == nil {
		return 0
	}
	return len(m.appendRooms(nil))
}

// TestOperationsTakeTurns: a socket that joins and leaves very many rooms does some
// of them at a time. Whoever comes in between is not kept waiting, and sees what is
// promised.
func TestOperationsTakeTurns(t *testing.T) {
	const count = 20*atOnce + 7
	r, ids := crowd(t, 2)
	long, other := ids[0], ids[1]
	names := numbered("r", count)
	pauses := 0
	r.mu.RLock()
	before := len(r.index.rooms)
	r.mu.RUnlock()
	r.pause = func() {
		pauses++
		r.mu.RLock()
		rooms := len(r.index.rooms)
		r.mu.RUnlock()
		if changed := max(rooms-before, before-rooms); changed > atOnce {
			t.Errorf("%d rooms changed without a pause", changed)
		}
		before = rooms
		// All of these would wait for ever if they had to wait at all.
		if !r.Add(other, []socket.Room{"other"}) || !r.Remove(other, "other") || !r.Has(other) {
			t.Error("another socket cannot join and leave")
		}
		if n := len(met(r, core.Target{Rooms: []string{"nobody's"}})); n != 0 {
			t.Errorf("%d sockets met in a room without members", n)
		}
		if _, ours := r.Of(other); !ours {
			t.Error("another socket is not known")
		}
	}
	expect := func(what string, want int) {
		t.Helper()
		if pauses != want {
			t.Errorf("%s: %d pauses, want %d", what, pauses, want)
		}
		pauses = 0
	}
	r.Add(long, names)
	expect("joining", count/atOnce)
	if n := inRooms(r, long); n != count {
		t.Fatalf("in %d rooms, want %d", n, count)
	}
	middle := r.pause
	r.pause = func() {
		middle()
		if n := len(met(r, core.Target{Rooms: namesOf(names[:10])})) + len(met(r, core.Target{})); n != 2 {
			t.Errorf("%d sockets met while one leaves all rooms, want the two others", n)
		}
	}
	r.RemoveAll(long)
	expect("leaving all", count/atOnce)
	if len(r.index.rooms) != 0 {
		t.Errorf("%d rooms left over", len(r.index.rooms))
	}
}

// TestOperationsOnOneSocketExcludeEachOther: what is asked of a socket while it joins
// or leaves very many rooms is done when that is complete.
func TestOperationsOnOneSocketExcludeEachOther(t *testing.T) {
	r, ids := crowd(t, 1)
	id := ids[0]
	names := numbered("r", 3*atOnce)
	var others sync.WaitGroup
	var once sync.Once
	meanwhile := func(do func()) {
		once = sync.Once{}
		r.pause = func() {
			once.Do(func() { others.Go(do) })
			for range 100 { // it would be done by now if it did not wait
				runtime.Gosched()
			}
		}
	}
	meanwhile(func() { r.Remove(id, names[len(names)-1]) })
	r.Add(id, names)
	others.Wait()
	if n := inRooms(r, id); n != len(names)-1 {
		t.Errorf("in %d rooms, want all but the one that was left", n)
	}

	meanwhile(func() { r.Add(id, []socket.Room{names[0], "again"}) })
	r.RemoveAll(id)
	others.Wait()
	if n := inRooms(r, id); n != 2 {
		t.Errorf("in %d rooms, want the two that were joined while it left all", n)
	}

	r.pause = nil
	r.Add(id, names)
	meanwhile(func() { r.RemoveAll(id) })
	r.Add(id, numbered("more", 3*atOnce))
	others.Wait()
	if n := inRooms(r, id) + len(r.index.rooms); n != 0 {
		t.Errorf("%d rooms left over", n)
	}
}

// TestBroadcastMeetsWhoStays: sockets come and go while a broadcast is under way. Who is
// in the room all the time is met once, who has left is not met any more, and nobody
// is met twice.
func TestBroadcastMeetsWhoStays(t *testing.T) {
	r, ids := crowd(t, 6*visitedAtOnce)
	random := rand.New(rand.NewPCG(3, 4))
	for _, to := range []core.Target{
		{},
		{Rooms: []string{"r"}},
		{Rooms: []string{"r", "s"}},
		{Rooms: []string{"r"}, Except: []string{string(ids[0])}},
		{Rooms: []string{"r"}, Except: []string{"even"}},
	} {
		for i, id := range ids {
			r.Add(id, []socket.Room{socket.Room(id), "r", "s"})
			if i%2 == 0 {
				r.Add(id, []socket.Room{"even"})
			}
		}
		got := map[*LocalSocket]int{}
		names := map[*LocalSocket]socket.SocketId{}
		r.mu.RLock()
		for id, m := range r.index.sockets {
			names[m] = id
		}
		r.mu.RUnlock()
		left := map[socket.SocketId]bool{} // and out now
		moved := map[socket.SocketId]bool{}
		pauses := 0
		r.pause = func() {
			pauses++
			n := visitedAtOnce
			if pauses == 1 {
				n *= 5 // fewer stay than are still to be met
			}
			for range n {
				id := ids[random.IntN(len(ids))]
				moved[id] = true
				switch {
				case left[id]:
					r.Add(id, []socket.Room{"r", "s"})
					left[id] = false
				case len(to.Rooms) == 0:
				default:
					r.Remove(id, "r")
					r.Remove(id, "s")
					left[id] = true
				}
			}
		}
		r.Match(to, func(m *LocalSocket) {
			got[m]++
			if left[names[m]] {
				t.Errorf("%+v: %s is met and has left", to, names[m])
			}
		})
		r.pause = nil
		if pauses < 4 {
			t.Errorf("%+v: %d pauses", to, pauses)
		}
		for m, id := range names {
			number := slices.Index(ids, id)
			want := number >= 0 || len(to.Rooms) == 0
			for _, except := range to.Except {
				want = want && except != string(id) && (except != "even" || number%2 == 1)
			}
			switch {
			case got[m] > 1:
				t.Errorf("%+v: %s is met %d times", to, id, got[m])
			case got[m] == 1 && !want:
				t.Errorf("%+v: %s is met", to, id)
			case got[m] == 0 && want && !moved[id]:
				t.Errorf("%+v: %s is missed", to, id)
			}
		}
	}
}

// TestLibraryMapsOnDemand: the library's maps are empty until somebody asks for
// them, are filled while rooms change, and change with them.
func TestLibraryMapsOnDemand(t *testing.T) {
	r, ids := crowd(t, 2*atOnce)
	for i, id := range ids {
		r.Add(id, append(numbered("r", 20), socket.Room(id), socket.Room(fmt.Sprint("i", i))))
	}
	r.Add(ids[0], numbered("many", 2*atOnce))
	if n := r.library.rooms.Len() + r.library.sids.Len(); n != 0 {
		t.Errorf("%d entries that nobody has asked for", n)
	}
	random := rand.New(rand.NewPCG(5, 6))
	change := func() {
		id := ids[random.IntN(len(ids))]
		switch random.IntN(4) {
		case 0:
			r.RemoveAll(id)
		case 1:
			r.Remove(id, socket.Room(fmt.Sprint("r", random.IntN(20))))
		default:
			r.Add(id, []socket.Room{socket.Room(fmt.Sprint("r", random.IntN(30))), socket.Room(id)})
		}
	}
	r.pause = func() {
		pause := r.pause
		r.pause = nil // what follows need not
		defer func() { r.pause = pause }()
		for range 10 {
			change()
		}
	}
	r.LibraryRooms()
	r.LibrarySids()
	r.pause = nil
	for step := range 200 {
		compareMaps(t, r)
		if t.Failed() {
			t.Fatalf("at step %d", step)
		}
		change()
	}
}

// compareMaps compares the library's maps with the index.
func compareMaps(t *testing.T, r *Rooms) {
	t.Helper()
	rooms, sids := r.LibraryRooms(), r.LibrarySids()
	members := 0
	for id, m := range r.index.sockets {
		names := m.appendRooms(nil)
		members += len(names)
		set, ok := sids.Load(id)
		if !ok {
			t.Errorf("%s is missing", id)
			continue
		}
		if got := namesOf(set.Keys()); !sameNames(got, names) {
			t.Errorf("%s: %v, want %v", id, got, names)
		}
		for _, name := range names {
			if ids, ok := rooms.Load(socket.Room(name)); !ok || !ids.Has(id) {
				t.Errorf("%s is not in %s", id, name)
			}
		}
	}
	rooms.Range(func(name socket.Room, ids *types.Set[socket.SocketId]) bool {
		if ids.Len() == 0 {
			t.Errorf("%s is there, and empty", name)
		}
		members -= ids.Len()
		return true
	})
	if members != 0 || sids.Len() != len(r.index.sockets) {
		t.Errorf("%d members more than in the library's map, %d sockets there, want %d", members, sids.Len(), len(r.index.sockets))
	}
}

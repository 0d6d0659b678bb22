package rooms

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// met returns how often each socket is met.
func met(r *Rooms, to core.Target) map[socket.SocketId]int {
	names := map[*LocalSocket]socket.SocketId{}
	r.mu.RLock()
	for id, m := range r.index.sockets {
		names[m] = id
	}
	r.mu.RUnlock()
	got := map[socket.SocketId]int{}
	r.Match(to, func(m *LocalSocket) { got[names[m]]++ })
	return got
}

// TestIndexAgainstModel: whatever is joined and left, broadcasts meet whom the
// library's maps name, and each once.
func TestIndexAgainstModel(t *testing.T) {
	r, ids := crowd(t, 20)
	random := rand.New(rand.NewPCG(1, 2))
	roomNames := append([]string{"a", "b", "c", "s1", "s2"}, namesOf(numbered("n", 2*searched))...)
	somewhere := func() string { return roomNames[random.IntN(len(roomNames))] }
	for step := range 5000 {
		id := ids[random.IntN(len(ids))]
		switch random.IntN(4) {
		case 0, 1:
			r.Add(id, []socket.Room{socket.Room(somewhere()), socket.Room(id), "a"})
			if step%50 == 0 { // in more rooms than are searched one by one
				r.Add(id, numbered("n", 2*searched))
			}
		case 2:
			for range step % searched {
				r.Remove(id, socket.Room(somewhere()))
			}
		case 3:
			r.Remove(id, socket.Room(id))
		}
		var to core.Target
		for range random.IntN(3) {
			to.Rooms = append(to.Rooms, somewhere())
		}
		for range random.IntN(3) {
			to.Except = append(to.Except, somewhere())
		}
		got, want := met(r, to), model(r, to)
		if len(got) != len(want) {
			t.Fatalf("step %d, %+v: met %v, want %v", step, to, got, want)
		}
		for id, n := range got {
			if n != 1 || !slices.Contains(want, id) {
				t.Fatalf("step %d, %+v: met %s %d times, want %v", step, to, id, n, want)
			}
		}
		checkIndex(t, &r.index)
	}
	for _, id := range ids {
		r.RemoveAll(id)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.index.all.len() != 1 || len(r.index.sockets) != 1 || len(r.index.rooms) != 0 {
		t.Errorf("left over: %d sockets, %d rooms", r.index.all.len(), len(r.index.rooms))
	}
}

// checkIndex: each end of a membership knows where the other is.
func checkIndex(t *testing.T, x *index) {
	t.Helper()
	for _, m := range x.sockets {
		if x.all.at(int(m.at)).socket != m || m.places != nil && len(m.places) != m.in.len() || m.places == nil && m.in.len() > searched {
			t.Fatalf("%s is misplaced", m.id)
		}
		for i := range m.in.len() {
			in := m.in.at(i)
			if back := in.room.members.at(int(in.at)); back.socket != m || int(back.at) != i || m.place(in.room) != i {
				t.Fatalf("%s is misplaced in %s", m.id, in.room.name)
			}
		}
	}
	for name, r := range x.rooms {
		if r.name != name || r.members.len() == 0 {
			t.Fatalf("%d members of %s", r.members.len(), name)
		}
	}
}

// model reads the library's maps.
func model(r *Rooms, to core.Target) (want []socket.SocketId) {
	in := func(id socket.SocketId, names []string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			ids, ok := r.LibraryRooms().Load(socket.Room(name))
			return ok && ids.Has(id)
		})
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for id := range r.index.sockets {
		if (len(to.Rooms) == 0 || in(id, to.Rooms)) && !in(id, to.Except) {
			want = append(want, id)
		}
	}
	return want
}

// TestMatchIsFree: a socket that is met costs no allocation. A few are made for all
// thousand together, more with the race detector, which empties pools now and then.
func TestMatchIsFree(t *testing.T) {
	r, ids := crowd(t, 1000)
	for _, id := range ids {
		r.Add(id, []socket.Room{"r", "other"})
	}
	for _, to := range []core.Target{{}, {Rooms: []string{"r"}}, {Rooms: []string{"r", "other"}, Except: []string{"s1"}}} {
		n := 0
		count := func(*LocalSocket) { n++ }
		if allocs := testing.AllocsPerRun(10, func() { r.Match(to, count) }); allocs > 10 {
			t.Errorf("%+v: %v allocations for %d sockets", to, allocs, n)
		}
	}
}

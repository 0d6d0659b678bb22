package rooms

import (
	"sync"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestLook: what is told is what is there.
func TestLook(t *testing.T) {
	r, ids := crowd(t, 3)
	before, none := r.Population()
	for i, id := range ids {
		r.Add(id, []socket.Room{"all", socket.Room(id)})
		if i == 0 {
			r.Add(id, []socket.Room{"one", socket.Room(ids[1])}) // a socket's own room
		}
	}
	sockets, rooms := r.Population()
	if sockets != before || none != 0 || rooms != 3 {
		t.Errorf("%d sockets, %d rooms", sockets, rooms)
	}
	members := map[string]int{}
	r.EachRoom(func(name string, n int) bool { members[name] = n; return true })
	if len(members) != 3 || members["all"] != 3 || members["one"] != 1 || members[string(ids[1])] != 2 {
		t.Errorf("rooms %v", members)
	}
	n := 0
	r.EachSocket("all", func(string) bool { n++; return n < 2 })
	if n != 2 {
		t.Errorf("%d sockets after the end", n)
	}
	s := r.Look(ids[0], 1)
	if s == nil || s.RoomCount != 3 || len(s.Rooms) != 1 {
		t.Errorf("%+v", s)
	}
	if s := r.Look("nobody", 1); s != nil {
		t.Errorf("nobody is %+v", s)
	}
}

// TestLookWhileRoomsChange: rooms that stay are met once each, whatever comes and goes
// each time that others have their turn.
func TestLookWhileRoomsChange(t *testing.T) {
	r, ids := crowd(t, 4)
	const stay = 8 * atOnce
	r.Add(ids[0], numbered("stay", stay))
	r.Add(ids[1], numbered("go", stay))
	var others sync.WaitGroup
	turns := 0
	r.pause = func() {
		turns++
		r.pause = nil
		others.Go(func() {
			r.RemoveAll(ids[1])
			r.Add(ids[2], numbered("come", stay))
		})
		others.Wait()
	}
	met := map[string]int{}
	r.EachRoom(func(name string, _ int) bool { met[name]++; return true })
	if turns == 0 {
		t.Fatal("nobody else had a turn")
	}
	for _, room := range numbered("stay", stay) {
		if met[string(room)] != 1 {
			t.Errorf("%s was met %d times", room, met[string(room)])
		}
	}
	for name, n := range met {
		if n != 1 {
			t.Errorf("%s was met %d times", name, n)
		}
	}
}

package socketio

import (
	"sync/atomic"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// libraryMaps are the library's own maps of rooms and sockets, which an application
// gets from Adapter.Rooms and Adapter.Sids. They are filled when somebody first asks
// for them, and change with the rooms from then on. Nobody who emits waits for them:
// such a map of a million rooms takes 0.2 s when it is copied, which it is now and
// then. It is guarded by the lock of those who change rooms.
type libraryMaps struct {
	rooms *types.Map[socket.Room, *types.Set[socket.SocketId]]
	sids  *types.Map[socket.SocketId, *types.Set[socket.Room]]

	roomsKept, sidsKept   bool // they are filled, or about to be
	roomsReady, sidsReady atomic.Bool
}

// libraryRooms is Adapter.Rooms.
func (r *rooms) libraryRooms() *types.Map[socket.Room, *types.Set[socket.SocketId]] {
	l := &r.library
	if l.roomsReady.Load() {
		return l.rooms
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	l.roomsKept = true
	f := filler{rooms: r}
	for _, room := range r.index.rooms {
		// From the end to the beginning, as in [walk].
		for i := len(room.members) - 1; i >= 0; i = min(i, len(room.members)) - 1 {
			if m := room.members[i]; !m.gone {
				l.entered(m, room.name)
			}
			f.next()
		}
	}
	for _, m := range r.index.sockets {
		if m.own {
			l.entered(m, socket.Room(m.id))
		}
		f.next()
	}
	l.roomsReady.Store(true)
	return l.rooms
}

// librarySids is Adapter.Sids.
func (r *rooms) librarySids() *types.Map[socket.SocketId, *types.Set[socket.Room]] {
	l := &r.library
	if l.sidsReady.Load() {
		return l.sids
	}
	r.writing.Lock()
	l.sidsKept = true
	ids := make([]socket.SocketId, 0, len(r.index.sockets))
	f := filler{rooms: r}
	for id := range r.index.sockets {
		ids = append(ids, id)
		f.next()
	}
	r.writing.Unlock()
	for _, id := range ids {
		if m := r.begin(id); m != nil {
			l.sids.Store(id, r.setOf(m))
		}
		r.end(id)
	}
	l.sidsReady.Store(true)
	return l.sids
}

// filler lets others have their turn while a map is filled.
type filler struct {
	rooms *rooms
	done  int
}

func (f *filler) next() {
	if f.done++; f.done >= atOnce {
		f.done = 0
		f.rooms.writing.Unlock()
		f.rooms.paused()
		f.rooms.writing.Lock()
	}
}

// changed notes that a socket has joined or left a room. The set of one that leaves
// all rooms stays as it was, as the library's does.
func (l *libraryMaps) changed(m *localSocket, c change, joined bool) {
	switch {
	case joined:
		if m.set != nil {
			m.set.Add(c.name)
		}
		if l.roomsKept {
			l.entered(m, c.name)
		}
		return
	case m.set != nil && !m.gone:
		m.set.Delete(c.name)
	}
	if !l.roomsKept {
		return
	}
	if ids, ok := l.rooms.Load(c.name); ok {
		ids.Delete(m.id)
		if c.edge {
			l.rooms.Delete(c.name)
		}
	}
}

func (l *libraryMaps) entered(m *localSocket, name socket.Room) {
	if ids, ok := l.rooms.Load(name); ok {
		ids.Add(m.id)
	} else {
		l.rooms.Store(name, types.NewSet(m.id))
	}
}

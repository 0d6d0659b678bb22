package rooms

import (
	"sync/atomic"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// libraryMaps are the library's own maps of rooms and sockets, which an application gets
// from Adapter.Rooms and Adapter.Sids. Each is filled when it is first asked for, and
// follows the rooms from then on. Emits do not use them: the library copies such a map now
// and then, which takes 0.2 s for a million rooms. Rooms.writing guards them.
type libraryMaps struct {
	rooms *types.Map[socket.Room, *types.Set[socket.SocketId]]
	sids  *types.Map[socket.SocketId, *types.Set[socket.Room]]

	roomsKept, sidsKept   bool // they are filled, or about to be
	roomsReady, sidsReady atomic.Bool
}

// LibraryRooms returns the map for Adapter.Rooms: the rooms with their sockets. The caller
// must not write to it.
func (r *Rooms) LibraryRooms() *types.Map[socket.Room, *types.Set[socket.SocketId]] {
	l := &r.library
	if l.roomsReady.Load() {
		return l.rooms
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	l.roomsKept = true
	f := filler{rooms: r}
	for _, room := range r.index.rooms {
		// From the end to the beginning, because members may leave meanwhile, see [walk].
		for i := room.members.len() - 1; i >= 0; i = min(i, room.members.len()) - 1 {
			if m := room.members.at(i).socket; !m.gone {
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

// LibrarySids returns the map for Adapter.Sids: the sockets with their rooms. The caller
// must not write to it.
func (r *Rooms) LibrarySids() *types.Map[socket.SocketId, *types.Set[socket.Room]] {
	l := &r.library
	if l.sidsReady.Load() {
		return l.sids
	}
	ids := make([]socket.SocketId, 0, r.size(core.Target{})) // allocated before the lock is taken, because that takes long
	r.writing.Lock()
	l.sidsKept = true
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

// filler counts the entries that are written while a map is filled, and releases the lock
// for a moment after each atOnce of them.
type filler struct {
	rooms *Rooms
	done  int
}

func (f *filler) next() {
	if f.done++; f.done >= atOnce {
		f.done = 0
		f.rooms.writing.Unlock()
		f.rooms.unlocked()
		f.rooms.writing.Lock()
	}
}

// changed updates the maps after a socket has joined or left a room. When a socket leaves
// all rooms its set stays as it was, as in the library.
func (l *libraryMaps) changed(m *LocalSocket, c change, joined bool) {
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

func (l *libraryMaps) entered(m *LocalSocket, name socket.Room) {
	if ids, ok := l.rooms.Load(name); ok {
		ids.Add(m.id)
	} else {
		l.rooms.Store(name, types.NewSet(m.id))
	}
}

package socketio

import (
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/session"
	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// index is what broadcasts look rooms up in: the library's maps would have to be
// copied for each. It has no lock, and is read and written under that of [rooms].
//
// The room that every socket has for itself takes no list, as most such rooms
// never have another occupant.
type index struct {
	sockets map[socket.SocketId]*occupant
	all     []*occupant // those, in any order
	rooms   map[socket.Room]*room
}

// occupant is a socket of the index.
type occupant struct {
	socket *socket.Socket
	direct *wstransport.Transport // for good, if it has its own session; else nil
	at     int                    // in all
	alone  bool                   // it is in the room of its own id
	seats  []seat
}

// seat is an occupant's place in a room.
type seat struct {
	room *room
	at   int
}

// room is who is in it, but for the socket whose id is its name.
type room struct {
	name    socket.Room
	members []*occupant // in any order
}

func newIndex() index {
	return index{sockets: map[socket.SocketId]*occupant{}, rooms: map[socket.Room]*room{}}
}

// add adds a socket, which is in no room.
func (x *index) add(s *socket.Socket) {
	m := &occupant{socket: s, at: len(x.all)}
	if s.Client() != nil { // else there is nobody at the other end
		if own, ok := s.Conn().(*session.Session); ok {
			m.direct, _ = own.Transport().(*wstransport.Transport)
		}
	}
	x.sockets[s.Id()] = m
	x.all = append(x.all, m)
}

// remove removes a socket from everything.
func (x *index) remove(id socket.SocketId) {
	m := x.sockets[id]
	if m == nil {
		return
	}
	delete(x.sockets, id)
	for len(m.seats) > 0 {
		x.vacate(m, len(m.seats)-1)
	}
	last := len(x.all) - 1
	x.all[m.at] = x.all[last]
	x.all[m.at].at = m.at
	x.all[last] = nil
	x.all = x.all[:last]
}

// enter puts a socket into a room that it is not in.
func (x *index) enter(id socket.SocketId, name socket.Room) {
	m := x.sockets[id]
	switch {
	case m == nil:
		return
	case name == socket.Room(id):
		m.alone = true
		return
	}
	r := x.rooms[name]
	if r == nil {
		r = &room{name: name}
		x.rooms[name] = r
	}
	m.seats = append(m.seats, seat{r, len(r.members)})
	r.members = append(r.members, m)
}

// leave takes a socket out of a room.
func (x *index) leave(id socket.SocketId, name socket.Room) {
	m := x.sockets[id]
	if m == nil {
		return
	}
	if name == socket.Room(id) {
		m.alone = false
	}
	for i := range m.seats {
		if m.seats[i].room.name == name {
			x.vacate(m, i)
			return
		}
	}
}

// vacate gives up an occupant's i-th place; the last occupant of the room moves there.
func (x *index) vacate(m *occupant, i int) {
	p := m.seats[i]
	last := len(p.room.members) - 1
	if moved := p.room.members[last]; moved != m {
		p.room.members[p.at] = moved
		moved.move(p.room, last, p.at)
	}
	p.room.members[last] = nil
	if p.room.members = p.room.members[:last]; last == 0 {
		delete(x.rooms, p.room.name)
	}
	end := len(m.seats) - 1
	m.seats[i] = m.seats[end]
	m.seats[end] = seat{}
	m.seats = m.seats[:end]
}

func (m *occupant) move(r *room, from, to int) {
	for i := range m.seats {
		if p := &m.seats[i]; p.room == r && p.at == from {
			p.at = to
			return
		}
	}
}

// appendRooms appends the names of the rooms that a socket is in.
func (x *index) appendRooms(names []string, id socket.SocketId) []string {
	m := x.sockets[id]
	if m == nil {
		return names
	}
	if m.alone {
		names = append(names, string(id))
	}
	for _, p := range m.seats {
		names = append(names, string(p.room.name))
	}
	return names
}

// each calls fn once for each connected occupant that to means. Apart from that, it
// costs what to excludes.
func (x *index) each(to core.Target, fn func(*occupant)) {
	var marks *marks
	if len(to.Except) > 0 || len(to.Rooms) > 1 {
		marks = getMarks(len(x.all))
		defer putMarks(marks)
	}
	for _, name := range to.Except {
		x.in(socket.Room(name), func(m *occupant) { marks.set(m.at) })
	}
	visit := func(m *occupant) {
		if marks != nil {
			if marks.has(m.at) {
				return
			}
			marks.set(m.at)
		}
		if m.socket.Connected() {
			fn(m)
		}
	}
	if len(to.Rooms) == 0 {
		for _, m := range x.all {
			visit(m)
		}
		return
	}
	for _, name := range to.Rooms {
		x.in(socket.Room(name), visit)
	}
}

// in calls fn for each occupant of a room.
func (x *index) in(name socket.Room, fn func(*occupant)) {
	if m := x.sockets[socket.SocketId(name)]; m != nil && m.alone {
		fn(m)
	}
	if r := x.rooms[name]; r != nil {
		for _, m := range r.members {
			fn(m)
		}
	}
}

// marks are a bit for each occupant.
type marks struct{ bits []uint64 }

var marksPool = sync.Pool{New: func() any { return new(marks) }}

func getMarks(n int) *marks {
	m := marksPool.Get().(*marks)
	words := (n + 63) / 64
	if cap(m.bits) < words {
		m.bits = make([]uint64, words)
	}
	m.bits = m.bits[:words]
	clear(m.bits)
	return m
}

func putMarks(m *marks) { marksPool.Put(m) }

func (m *marks) has(i int) bool { return m.bits[i/64]&(1<<(i%64)) != 0 }
func (m *marks) set(i int)      { m.bits[i/64] |= 1 << (i % 64) }

package rooms

import (
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/session"
	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// index holds the sockets, the rooms, and the memberships between them. The locks of
// [Rooms] guard it. The cost of an operation depends on what it changes: neither on
// how many sockets a room has, nor on how many rooms a socket is in.
//
// The room that has the id of its socket as its name takes no list for that socket:
// most such rooms never have another member.
type index struct {
	sockets map[socket.SocketId]*LocalSocket
	all     []*LocalSocket // the same, in any order
	rooms   map[socket.Room]*room
	numbers numbers
}

// LocalSocket is a socket of this server.
type LocalSocket struct {
	// The fields that a broadcast reads come first, in one line of the processor's cache.
	Socket *socket.Socket
	// Direct is the transport of the socket's connection if it never changes, as that
	// of a client that has connected by WebSocket; else nil.
	Direct *wstransport.Transport
	number int32 // no other socket in the index has it, for [marks]
	at     int32 // its place in index.all
	own    bool  // it is in the room of its own id
	gone   bool  // it is in the index no more, and about to be taken out of its rooms

	id     socket.SocketId
	in     []membership            // the other rooms, in any order
	places map[*room]int32         // where they are in that list, once it is longer than searched
	set    *types.Set[socket.Room] // the same for the library; nil until it is asked for
}

// membership is a socket's place in a room. Both know where the other is in their list.
type membership struct {
	room *room
	at   int32
}

// room lists its members, except for the socket whose id is the room's name.
type room struct {
	name    socket.Room
	members []*LocalSocket // in any order
	places  []int32        // where the room is in each one's list

	// Most rooms have one member. Its lists are here, and need no memory of their own.
	firstMember [1]*LocalSocket
	firstPlace  [1]int32
}

func newRoom(name socket.Room) *room {
	r := &room{name: name}
	r.members, r.places = r.firstMember[:0], r.firstPlace[:0]
	return r
}

// searched is how many rooms a socket has at most without a map of their places.
const searched = 32

// ID is the socket's id.
func (m *LocalSocket) ID() socket.SocketId { return m.id }

func newIndex() index {
	return index{sockets: map[socket.SocketId]*LocalSocket{}, rooms: map[socket.Room]*room{}}
}

// add adds a socket. It is in no room yet.
func (x *index) add(id socket.SocketId, s *socket.Socket) *LocalSocket {
	m := &LocalSocket{id: id, Socket: s, at: int32(len(x.all)), number: x.numbers.take()}
	if s.Client() != nil { // else there is nobody at the other end
		if own, ok := s.Conn().(*session.Session); ok {
			m.Direct, _ = own.Transport().(*wstransport.Transport)
		}
	}
	x.sockets[id] = m
	x.all = append(x.all, m)
	return m
}

// remove takes a socket out of the index. From now on walks pass it over in its rooms;
// the caller takes it out of these with vacate.
func (x *index) remove(m *LocalSocket) {
	delete(x.sockets, m.id)
	last := len(x.all) - 1
	moved := x.all[last]
	x.all[m.at], moved.at = moved, m.at
	x.all[last] = nil
	x.all = shrunk(x.all[:last])
	x.numbers.give(m.number)
	m.gone, m.own, m.places = true, false, nil
}

// enter puts a socket into a room. It reports whether the socket was not in it before,
// and whether no socket was.
func (x *index) enter(m *LocalSocket, name socket.Room) (entered, created bool) {
	r := x.rooms[name]
	if name == socket.Room(m.id) {
		if m.own {
			return false, false
		}
		m.own = true
		return true, r == nil
	}
	if r == nil {
		r = newRoom(name)
		x.rooms[name] = r
		owner := x.sockets[socket.SocketId(name)]
		created = owner == nil || !owner.own
	} else if m.place(r) >= 0 {
		return false, false
	}
	place := int32(len(m.in))
	m.in = append(m.in, membership{r, int32(len(r.members))})
	r.members = append(r.members, m)
	r.places = append(r.places, place)
	switch {
	case m.places != nil:
		m.places[r] = place
	case len(m.in) > searched:
		m.places = make(map[*room]int32, 2*searched)
		for i := range m.in {
			m.places[m.in[i].room] = int32(i)
		}
	}
	return true, created
}

// leave takes a socket out of a room. It reports whether the socket was in it, and
// whether the room has no member left.
func (x *index) leave(m *LocalSocket, name socket.Room) (left, deleted bool) {
	r := x.rooms[name]
	if name == socket.Room(m.id) {
		left, m.own = m.own, false
		return left, left && r == nil
	}
	if r == nil {
		return false, false
	}
	place := m.place(r)
	if place < 0 {
		return false, false
	}
	return true, x.vacate(m, place)
}

// vacate takes a socket out of the room that is at place in its list. It reports
// whether the room has no member left.
func (x *index) vacate(m *LocalSocket, place int) (deleted bool) {
	r, at := m.in[place].room, m.in[place].at
	last := len(r.members) - 1
	r.members[at], r.places[at] = r.members[last], r.places[last]
	r.members[at].in[r.places[at]].at = at
	r.members[last] = nil
	r.members, r.places = shrunk(r.members[:last]), shrunk(r.places[:last])

	end := len(m.in) - 1
	if place != end {
		moved := m.in[end]
		m.in[place] = moved
		moved.room.places[moved.at] = int32(place)
		if m.places != nil {
			m.places[moved.room] = int32(place)
		}
	}
	m.in[end] = membership{}
	m.in = shrunk(m.in[:end])
	if m.places != nil {
		delete(m.places, r)
		if end < searched/2 {
			m.places = nil
		}
	}
	if last > 0 {
		return false
	}
	delete(x.rooms, r.name)
	owner := x.sockets[socket.SocketId(r.name)]
	return owner == nil || !owner.own
}

// place is where a room is in the socket's list, or -1.
func (m *LocalSocket) place(r *room) int {
	if m.places != nil {
		if place, ok := m.places[r]; ok {
			return int(place)
		}
		return -1
	}
	for i := range m.in {
		if m.in[i].room == r {
			return i
		}
	}
	return -1
}

// appendRooms appends the names of the socket's rooms.
func (m *LocalSocket) appendRooms(names []string) []string {
	if m.own {
		names = append(names, string(m.id))
	}
	for i := range m.in {
		names = append(names, string(m.in[i].room.name))
	}
	return names
}

// shrunk returns the list in less memory if it needs a quarter of what it has.
func shrunk[T any](list []T) []T {
	if cap(list) <= 64 || len(list) > cap(list)/4 {
		return list
	}
	return append(make([]T, 0, cap(list)/2), list...)
}

// numbers gives out numbers, those that were given back first.
type numbers struct {
	free []int32
	next int32
}

func (n *numbers) take() int32 {
	if last := len(n.free) - 1; last >= 0 {
		number := n.free[last]
		n.free = n.free[:last]
		return number
	}
	n.next++
	return n.next - 1
}

func (n *numbers) give(number int32) { n.free = append(n.free, number) }

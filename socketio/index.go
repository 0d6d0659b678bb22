package socketio

import (
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/session"
	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// index says which local socket is in which room. It has no lock of its own, see
// [rooms]. What an operation takes depends on what it changes alone: neither on how
// many sockets a room has, nor on how many rooms a socket is in.
//
// The room that every socket has for itself takes no list, as most such rooms
// never have another member.
type index struct {
	sockets map[socket.SocketId]*localSocket
	all     []*localSocket // those, in any order
	rooms   map[socket.Room]*room
	numbers numbers
}

// localSocket is a socket of the index.
type localSocket struct {
	// What broadcasts read comes first, in one line of the processor's cache.
	socket *socket.Socket
	direct *wstransport.Transport // for good, if it has its own session; else nil
	number int32                  // its own as long as it is in the index, for [marks]
	at     int32                  // in all
	own    bool                   // it is in the room of its own id
	gone   bool                   // it is in the index no more, and about to be taken out of its rooms

	id     socket.SocketId
	in     []membership    // the other rooms, in any order
	places map[*room]int32 // where they are in that list, once it is long
	set    *types.Set[socket.Room]
}

// membership is a member's place in a room. Each end knows where the other is.
type membership struct {
	room *room
	at   int32
}

// room is who is in it, but for the socket whose id is its name.
type room struct {
	name    socket.Room
	members []*localSocket // in any order
	places  []int32        // where the room is in each one's list

	// Most rooms have one member, which needs no memory of its own.
	firstMember [1]*localSocket
	firstPlace  [1]int32
}

func newRoom(name socket.Room) *room {
	r := &room{name: name}
	r.members, r.places = r.firstMember[:0], r.firstPlace[:0]
	return r
}

// searched is up to how many rooms of a socket are searched one by one.
const searched = 32

func newIndex() index {
	return index{sockets: map[socket.SocketId]*localSocket{}, rooms: map[socket.Room]*room{}}
}

// add adds a socket, which is in no room.
func (x *index) add(id socket.SocketId, s *socket.Socket) *localSocket {
	m := &localSocket{id: id, socket: s, at: int32(len(x.all)), number: x.numbers.take()}
	if s.Client() != nil { // else there is nobody at the other end
		if own, ok := s.Conn().(*session.Session); ok {
			m.direct, _ = own.Transport().(*wstransport.Transport)
		}
	}
	x.sockets[id] = m
	x.all = append(x.all, m)
	return m
}

// remove takes a socket out of the index. From here on nobody meets it in its rooms;
// who removes it takes it out of them with vacate.
func (x *index) remove(m *localSocket) {
	delete(x.sockets, m.id)
	last := len(x.all) - 1
	moved := x.all[last]
	x.all[m.at], moved.at = moved, m.at
	x.all[last] = nil
	x.all = shrunk(x.all[:last])
	x.numbers.give(m.number)
	m.gone, m.own, m.places = true, false, nil
}

// enter puts a socket into a room. It reports whether it was not there, and whether
// nobody was.
func (x *index) enter(m *localSocket, name socket.Room) (entered, created bool) {
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

// leave takes a socket out of a room. It reports whether it was there, and whether
// nobody is now.
func (x *index) leave(m *localSocket, name socket.Room) (left, deleted bool) {
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

// vacate gives up a member's place in a room, which is the one at place in its list,
// and reports whether nobody is in that room now.
func (x *index) vacate(m *localSocket, place int) (deleted bool) {
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

// place is where a room is in the member's list, or -1.
func (m *localSocket) place(r *room) int {
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

// appendRooms appends the names of the member's rooms.
func (m *localSocket) appendRooms(names []string) []string {
	if m.own {
		names = append(names, string(m.id))
	}
	for i := range m.in {
		names = append(names, string(m.in[i].room.name))
	}
	return names
}

// shrunk gives memory back that a list has not needed for long.
func shrunk[T any](list []T) []T {
	if cap(list) <= 64 || len(list) > cap(list)/4 {
		return list
	}
	return append(make([]T, 0, cap(list)/2), list...)
}

// numbers gives out the lowest numbers it can without a search.
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

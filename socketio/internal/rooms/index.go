package rooms

import (
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/session"
	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// index holds the sockets, the rooms, and the memberships between them. The locks of
// [Rooms] guard it. The cost of an operation depends on what it changes, not on how many
// sockets a room has or how many rooms a socket is in.
//
// The room of a socket's own id does not list that socket: a flag says that it is a member,
// as most such rooms never have another one.
type index struct {
	sockets map[socket.SocketId]*LocalSocket
	all     list[member] // the same sockets, in any order; member.at is not used here
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
	number int32 // unique among the sockets in the index, for [marks]
	at     int32 // its place in index.all
	own    bool  // it is in the room of its own id
	gone   bool  // it has been taken out of the index, and will be taken out of its rooms

	id     socket.SocketId
	in     list[membership]        // the other rooms, in any order
	places map[*room]int32         // index of each room in that list; nil up to searched rooms
	set    *types.Set[socket.Room] // the rooms as a set, for the library; nil until it is asked for
}

// membership is a socket's entry for a room. Membership and member hold each other's index
// in the other's list.
type membership struct {
	room *room
	at   int32
}

// room lists its members, without the socket whose id is the room's name.
type room struct {
	name    socket.Room
	members list[member] // in any order
	one     [1]member    // memory of the list while the room has one member, as most have
}

// member is a room's entry for a socket.
type member struct {
	socket *LocalSocket
	at     int32
}

func newRoom(name socket.Room) *room {
	r := &room{name: name}
	r.members.first = r.one[:0]
	return r
}

// searched is the number of rooms up to which a socket has no map of their places.
const searched = 32

// ID is the socket's id.
func (m *LocalSocket) ID() socket.SocketId { return m.id }

func newIndex() index {
	return index{sockets: map[socket.SocketId]*LocalSocket{}, rooms: map[socket.Room]*room{}}
}

// add adds a socket that is in no room yet.
func (x *index) add(id socket.SocketId, s *socket.Socket) *LocalSocket {
	m := &LocalSocket{id: id, Socket: s, at: int32(x.all.len()), number: x.numbers.take()}
	if s.Client() != nil { // a socket without a client has no connection
		if own, ok := s.Conn().(*session.Session); ok {
			m.Direct, _ = own.Transport().(*wstransport.Transport)
		}
	}
	x.sockets[id] = m
	x.all.push(member{socket: m})
	return m
}

// remove takes a socket out of the index. From now on walks skip it in its rooms; the
// caller takes it out of them with vacate.
func (x *index) remove(m *LocalSocket) {
	delete(x.sockets, m.id)
	if moved := x.all.pop().socket; moved != m {
		x.all.at(int(m.at)).socket = moved
		moved.at = m.at
	}
	x.numbers.give(m.number)
	m.gone, m.own, m.places = true, false, nil
}

// enter puts a socket into a room. It reports whether the socket was not in it before, and
// whether the room had no members.
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
	place := int32(m.in.len())
	m.in.push(membership{r, int32(r.members.len())})
	r.members.push(member{m, place})
	switch {
	case m.places != nil:
		m.places[r] = place
	case m.in.len() > searched:
		m.places = make(map[*room]int32, 2*searched)
		for i := range m.in.len() {
			m.places[m.in.at(i).room] = int32(i)
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

// vacate takes a socket out of the room at index place of its list. It reports whether the
// room has no member left.
func (x *index) vacate(m *LocalSocket, place int) (deleted bool) {
	r, at := m.in.at(place).room, m.in.at(place).at
	if moved := r.members.pop(); moved.socket != m {
		*r.members.at(int(at)) = moved
		moved.socket.in.at(int(moved.at)).at = at
	}
	end := m.in.len() - 1
	if moved := m.in.pop(); place != end {
		*m.in.at(place) = moved
		moved.room.members.at(int(moved.at)).at = int32(place)
		if m.places != nil {
			m.places[moved.room] = int32(place)
		}
	}
	if m.places != nil {
		delete(m.places, r)
		if end < searched/2 {
			m.places = nil
		}
	}
	if r.members.len() > 0 {
		return false
	}
	delete(x.rooms, r.name)
	owner := x.sockets[socket.SocketId(r.name)]
	return owner == nil || !owner.own
}

// place returns the index of a room in the socket's list, or -1.
func (m *LocalSocket) place(r *room) int {
	if m.places != nil {
		if place, ok := m.places[r]; ok {
			return int(place)
		}
		return -1
	}
	for i := range m.in.len() {
		if m.in.at(i).room == r {
			return i
		}
	}
	return -1
}

// size returns an upper bound of the rooms' members: a socket in several of them counts
// several times. No rooms means all sockets.
func (x *index) size(names []string) (size int) {
	if len(names) == 0 {
		return x.all.len()
	}
	for _, name := range names {
		size++
		if r := x.rooms[socket.Room(name)]; r != nil {
			size += r.members.len()
		}
	}
	return size
}

// appendRooms appends the names of the socket's rooms.
func (m *LocalSocket) appendRooms(names []string) []string {
	if m.own {
		names = append(names, string(m.id))
	}
	for i := range m.in.len() {
		names = append(names, string(m.in.at(i).room.name))
	}
	return names
}

// numbers hands out numbers for sockets, and reuses those that were given back.
type numbers struct {
	free list[int32]
	next int32
}

func (n *numbers) take() int32 {
	if n.free.len() > 0 {
		return n.free.pop()
	}
	n.next++
	return n.next - 1
}

func (n *numbers) give(number int32) { n.free.push(number) }

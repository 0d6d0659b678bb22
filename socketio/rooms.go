package socketio

import (
	"runtime"
	"slices"
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// rooms says which local socket is in which room.
//
// It does so instead of the library's own maps: there a join that races the last
// leave of a room can be lost for ever, and each of them is copied as a whole now and
// then, while everybody waits. Who asks for these maps gets them, see [libraryMaps].
//
// No operation keeps others waiting for long, however many rooms or sockets it is
// about: it does atOnce of them and lets others have their turn. Operations on one
// socket still exclude each other: the next one waits until the one before is
// complete. Between them others see:
//
//   - of a socket that joins more than atOnce rooms, that it is in some of them;
//   - of a socket that leaves all rooms, that it is in none, from the beginning: it
//     gets no event any more. That the rooms are empty, and that they are deleted, is
//     seen one after the other.
//
// It also knows the ids that are in no room and yet are this server's business, so
// that the mesh is not asked about them:
//
//   - arriving: sockets whose middlewares are still at work. What they join is
//     kept until they are connected. An id nobody knows is kept here too, in case
//     it is one that slipped in before [rooms.arrive] could be told.
//   - departed: sockets that have left lately. Applications leave rooms in their
//     "disconnect" listeners, when the socket is already out of all of them.
//
// Both are bounded. Beyond the bounds (tens of thousands of sockets held up in
// middlewares, thousands gone since) the mesh is asked in vain, and a room joined
// in a middleware may be forgotten.
type rooms struct {
	sockets *types.Map[socket.SocketId, *socket.Socket]
	events  types.EventEmitter
	pause   func() // for tests: called where others have their turn

	// writing is held by who changes something, and guards what follows it. mu
	// guards the index alone, which is changed with both held: who emits takes mu
	// only, and waits for nothing but the index.
	writing   sync.Mutex
	occupancy core.Occupancy // told which rooms have members; may be nil
	arriving  recent[socket.SocketId, *arrival]
	departed  recent[socket.SocketId, struct{}]
	busy      map[socket.SocketId]chan struct{} // closed when a long operation on the socket is complete
	changed   []change                          // by the operation that holds writing
	library   libraryMaps

	mu    sync.RWMutex
	index index
}

// arrival is a socket that is not connected yet.
type arrival struct {
	here  bool // it is known to be a socket of this server
	rooms *types.Set[socket.Room]
}

const (
	maxArriving = 1 << 14
	maxDeparted = 1 << 12
)

func newRooms(a socket.Adapter) *rooms {
	return &rooms{
		sockets:  a.Nsp().Sockets(),
		events:   a,
		index:    newIndex(),
		arriving: recent[socket.SocketId, *arrival]{limit: maxArriving},
		departed: recent[socket.SocketId, struct{}]{limit: maxDeparted},
		busy:     map[socket.SocketId]chan struct{}{},
		library:  libraryMaps{rooms: a.Rooms(), sids: a.Sids()},
	}
}

// report has o told which rooms have members, from now on. It comes before the
// namespace's first socket.
func (r *rooms) report(o core.Occupancy) {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.occupancy = o
	for name := range r.index.rooms {
		o.Occupied(string(name))
	}
	for id, m := range r.index.sockets {
		if m.own && r.index.rooms[socket.Room(id)] == nil {
			o.Occupied(string(id))
		}
	}
}

// has tells whether the socket lives here.
func (r *rooms) has(id socket.SocketId) bool {
	if r.indexed(id) {
		return true
	}
	_, ok := r.sockets.Load(id)
	return ok
}

// arrive notes that a socket of this server is on its way in.
func (r *rooms) arrive(id socket.SocketId) {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.arriving.put(id, &arrival{here: true, rooms: types.NewSet[socket.Room]()})
}

// begin takes the lock for an operation on a socket, when the one before is
// complete, and returns the socket's member, nil if it has none.
func (r *rooms) begin(id socket.SocketId) *localSocket {
	r.writing.Lock()
	for {
		done := r.busy[id]
		if done == nil {
			return r.index.sockets[id]
		}
		r.writing.Unlock()
		<-done
		r.writing.Lock()
	}
}

// turn lets others have their turn in an operation on a socket, which end ends.
func (r *rooms) turn(id socket.SocketId) {
	if r.busy[id] == nil {
		r.busy[id] = make(chan struct{})
	}
	r.writing.Unlock()
	r.paused()
	r.writing.Lock()
}

// paused is called without a lock where others have their turn. It gives the
// processor away too, or the scheduler would take it sooner or later from who holds
// the lock.
func (r *rooms) paused() {
	if r.pause != nil {
		r.pause()
	}
	runtime.Gosched()
}

// end ends what begin has begun.
func (r *rooms) end(id socket.SocketId) {
	if done := r.busy[id]; done != nil {
		delete(r.busy, id)
		close(done)
	}
	r.writing.Unlock()
}

// add makes a socket join rooms. It reports false if the socket may live
// elsewhere.
func (r *rooms) add(id socket.SocketId, join []socket.Room) bool {
	m := r.begin(id)
	if m == nil {
		s, connected := r.sockets.Load(id)
		if !connected {
			defer r.end(id)
			return r.addLater(id, join)
		}
		m = r.connect(id, s)
		if a, ok := r.arriving.get(id); ok {
			join = slices.Concat(join, a.rooms.Keys())
			r.arriving.delete(id)
		}
	}
	n := r.narrator("create-room", "join-room")
	for {
		now := join[:min(len(join), atOnce)]
		r.mu.Lock()
		for _, name := range now {
			if entered, created := r.index.enter(m, name); entered {
				r.changed = append(r.changed, change{name, created})
			}
		}
		r.mu.Unlock()
		r.settle(m, true, &n)
		if join = join[len(now):]; len(join) == 0 {
			break
		}
		r.turn(id)
	}
	r.end(id)
	n.tell(id)
	return true
}

// connect takes up a socket that is connected.
func (r *rooms) connect(id socket.SocketId, s *socket.Socket) *localSocket {
	var set *types.Set[socket.Room]
	if r.library.sidsKept {
		set = types.NewSet[socket.Room]()
		r.library.sids.Store(id, set)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.index.add(id, s)
	m.set = set
	return m
}

// addLater keeps what a socket joins until it is connected.
func (r *rooms) addLater(id socket.SocketId, join []socket.Room) bool {
	if _, ok := r.departed.get(id); ok {
		return true
	}
	a, ok := r.arriving.get(id)
	if !ok {
		a = &arrival{rooms: types.NewSet[socket.Room]()}
		r.arriving.put(id, a)
	}
	a.rooms.Add(join...)
	return a.here
}

// remove makes a socket leave a room. It reports false if the socket may live
// elsewhere.
func (r *rooms) remove(id socket.SocketId, name socket.Room) bool {
	m := r.begin(id)
	if m == nil {
		defer r.end(id)
		if a, ok := r.arriving.get(id); ok {
			a.rooms.Delete(name)
			return a.here
		}
		return r.ours(id)
	}
	n := r.narrator("leave-room", "delete-room")
	r.mu.Lock()
	if left, deleted := r.index.leave(m, name); left {
		r.changed = append(r.changed, change{name, deleted})
	}
	r.mu.Unlock()
	r.settle(m, false, &n)
	r.end(id)
	n.tell(id)
	return true
}

// removeAll makes a socket leave all its rooms. It reports false if the socket may
// live elsewhere.
func (r *rooms) removeAll(id socket.SocketId) bool {
	m := r.begin(id)
	if m == nil {
		defer r.end(id)
		return r.depart(id)
	}
	r.departed.put(id, struct{}{})
	if r.library.sidsKept {
		r.library.sids.Delete(id)
	}
	n := r.narrator("leave-room", "delete-room")
	for {
		r.mu.Lock()
		if !m.gone {
			if own := socket.Room(id); m.own {
				_, deleted := r.index.leave(m, own)
				r.changed = append(r.changed, change{own, deleted})
			}
			r.index.remove(m)
		}
		for range min(len(m.in), atOnce) {
			last := len(m.in) - 1
			name := m.in[last].room.name
			r.changed = append(r.changed, change{name, r.index.vacate(m, last)})
		}
		r.mu.Unlock()
		r.settle(m, false, &n)
		if len(m.in) == 0 {
			break
		}
		r.turn(id)
	}
	r.end(id)
	n.tell(id)
	return true
}

// depart notes that a socket without rooms has gone, if it was this server's.
func (r *rooms) depart(id socket.SocketId) bool {
	a, arriving := r.arriving.get(id)
	r.arriving.delete(id)
	here := arriving && a.here || r.ours(id)
	if here {
		r.departed.put(id, struct{}{})
	}
	return here
}

// ours tells whether a socket that is in no room lives here, or has lately.
func (r *rooms) ours(id socket.SocketId) bool {
	if _, ok := r.sockets.Load(id); ok {
		return true
	}
	_, ok := r.departed.get(id)
	return ok
}

// of returns the rooms of a socket, and whether this server has the say: if not,
// the socket may live elsewhere. As the library's, the set changes with the rooms.
func (r *rooms) of(id socket.SocketId) (*types.Set[socket.Room], bool) {
	r.mu.RLock()
	m := r.index.sockets[id]
	if m != nil && m.set != nil {
		defer r.mu.RUnlock()
		return m.set, true
	}
	r.mu.RUnlock()

	m = r.begin(id)
	defer r.end(id)
	if m != nil {
		return r.setOf(m), true
	}
	if a, ok := r.arriving.get(id); ok && a.here {
		return a.rooms, true
	}
	return nil, r.ours(id)
}

// setOf makes the set of a socket's rooms. It is called in an operation on that
// socket, so that none else changes which rooms these are.
func (r *rooms) setOf(m *localSocket) *types.Set[socket.Room] {
	if m.set != nil {
		return m.set
	}
	set := types.NewSet[socket.Room]()
	if m.own {
		set.Add(socket.Room(m.id))
	}
	for i := range m.in {
		if i%atOnce == atOnce-1 {
			r.turn(m.id)
		}
		set.Add(m.in[i].room.name)
	}
	r.mu.Lock()
	m.set = set
	r.mu.Unlock()
	return set
}

// change is a room that the socket of an operation has joined or left. It was created
// with it, or deleted, if edge is set.
type change struct {
	name socket.Room
	edge bool
}

// settle tells of what has changed: the library's maps, the mesh, and n for later.
func (r *rooms) settle(m *localSocket, joined bool, n *narrator) {
	for _, c := range r.changed {
		r.library.changed(m, c, joined)
		if r.occupancy != nil && c.edge {
			if joined {
				r.occupancy.Occupied(string(c.name))
			} else {
				r.occupancy.Vacated(string(c.name))
			}
		}
	}
	n.note(r.changed)
	clear(r.changed)
	r.changed = r.changed[:0]
}

// narrator emits the adapter's events of one operation, which are two for each room:
// that it was created or deleted, and that the socket has joined or left.
type narrator struct {
	events        types.EventEmitter
	first, second types.EventName
	heard         [2]bool // whether somebody listens to them
	changes       []change
}

func (r *rooms) narrator(first, second types.EventName) narrator {
	heard := [2]bool{r.events.ListenerCount(first) > 0, r.events.ListenerCount(second) > 0}
	return narrator{events: r.events, first: first, second: second, heard: heard}
}

func (n *narrator) note(changes []change) {
	if n.heard[0] || n.heard[1] {
		n.changes = append(n.changes, changes...)
	}
}

// tell tells the adapter's listeners, without the lock: they may join and leave rooms
// themselves. Those of two concurrent calls may come in either order.
func (n *narrator) tell(id socket.SocketId) {
	for _, c := range n.changes {
		for i, event := range [...]types.EventName{n.first, n.second} {
			switch {
			case !n.heard[i]:
			case event == "join-room", event == "leave-room":
				n.events.Emit(event, c.name, id)
			case c.edge:
				n.events.Emit(event, c.name)
			}
		}
	}
}

package rooms

import (
	"runtime"
	"slices"
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/generational"
)

// Rooms are the rooms of one namespace on this server. All methods are safe for concurrent
// use.
//
// No operation keeps others waiting for long, however many rooms or sockets it concerns:
// after atOnce of them it releases the locks for a moment. Operations on one socket exclude
// each other: the next one waits until the one before is complete. In such a pause, others
// see
//
//   - a socket that joins more than atOnce rooms in some of them;
//   - a socket that leaves all rooms in none of them, from the beginning: it
//     gets no more events. Its rooms that become empty are deleted one after the other.
type Rooms struct {
	sockets *types.Map[socket.SocketId, *socket.Socket] // the namespace's connected sockets
	events  types.EventEmitter
	pause   func() // for tests: called in each pause, without locks

	// writing is held by an operation that changes something, and guards the fields up to
	// mu. mu guards the index, which is changed with both held: an emit takes only mu, and
	// so never waits for the rest of an operation.
	writing   sync.Mutex
	occupancy core.Occupancy // gets the rooms that have members; may be nil
	arriving  generational.Cache[socket.SocketId, *arrival]
	departed  generational.Cache[socket.SocketId, struct{}]
	busy      map[socket.SocketId]chan struct{} // closed when a long operation on the socket is complete
	changed   []change                          // collected by the operation that holds writing
	library   libraryMaps

	mu    sync.RWMutex
	index index
}

// New makes the rooms of a's namespace. It takes over the maps of a, which must be new, as the
// library's maps.
func New(a socket.Adapter) *Rooms {
	return &Rooms{
		sockets:  a.Nsp().Sockets(),
		events:   a,
		index:    newIndex(),
		arriving: generational.Cache[socket.SocketId, *arrival]{Limit: maxArriving},
		departed: generational.Cache[socket.SocketId, struct{}]{Limit: maxDeparted},
		busy:     map[socket.SocketId]chan struct{}{},
		library:  libraryMaps{rooms: a.Rooms(), sids: a.Sids()},
	}
}

// Report makes o learn which rooms have members, from now on. It is called before the
// namespace has its first socket.
func (r *Rooms) Report(o core.Occupancy) {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.occupancy = o
	for name := range r.index.rooms {
		o.Occupied(string(name))
	}
	for id, s := range r.index.sockets {
		if s.own && r.index.rooms[socket.Room(id)] == nil {
			o.Occupied(string(id))
		}
	}
}

// Add makes a socket join rooms. It reports false if the socket may live elsewhere.
func (r *Rooms) Add(id socket.SocketId, join []socket.Room) (here bool) {
	s := r.begin(id)
	if s == nil {
		connected, ok := r.sockets.Load(id)
		if !ok {
			defer r.end(id)
			return r.addLater(id, join)
		}
		s = r.connect(id, connected)
		if a, ok := r.arriving.Get(id); ok {
			join = slices.Concat(join, a.rooms.Keys())
			r.arriving.Delete(id)
		}
	}
	events := r.joinEvents()
	for {
		now := join[:min(len(join), atOnce)]
		r.mu.Lock()
		for _, name := range now {
			if entered, created := r.index.enter(s, name); entered {
				r.changed = append(r.changed, change{name, created})
			}
		}
		r.mu.Unlock()
		r.publish(s, true, &events)
		if join = join[len(now):]; len(join) == 0 {
			break
		}
		r.yield(id)
	}
	r.end(id)
	events.emit(id)
	return true
}

// connect puts a connected socket into the index.
func (r *Rooms) connect(id socket.SocketId, connected *socket.Socket) *LocalSocket {
	var set *types.Set[socket.Room]
	if r.library.sidsKept {
		set = types.NewSet[socket.Room]()
		r.library.sids.Store(id, set)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.index.add(id, connected)
	s.set = set
	return s
}

// Remove makes a socket leave a room. It reports false if the socket may live
// elsewhere.
func (r *Rooms) Remove(id socket.SocketId, name socket.Room) (here bool) {
	s := r.begin(id)
	if s == nil {
		defer r.end(id)
		if a, ok := r.arriving.Get(id); ok {
			a.rooms.Delete(name)
			return a.here
		}
		return r.ours(id)
	}
	events := r.leaveEvents()
	r.mu.Lock()
	if left, deleted := r.index.leave(s, name); left {
		r.changed = append(r.changed, change{name, deleted})
	}
	r.mu.Unlock()
	r.publish(s, false, &events)
	r.end(id)
	events.emit(id)
	return true
}

// RemoveAll makes a socket leave all its rooms. It reports false if the socket may
// live elsewhere.
func (r *Rooms) RemoveAll(id socket.SocketId) (here bool) {
	s := r.begin(id)
	if s == nil {
		defer r.end(id)
		return r.depart(id)
	}
	r.departed.Put(id, struct{}{})
	if r.library.sidsKept {
		r.library.sids.Delete(id)
	}
	events := r.leaveEvents()
	for {
		r.mu.Lock()
		if !s.gone {
			if own := socket.Room(id); s.own {
				_, deleted := r.index.leave(s, own)
				r.changed = append(r.changed, change{own, deleted})
			}
			r.index.remove(s)
		}
		for range min(s.in.len(), atOnce) {
			last := s.in.len() - 1
			name := s.in.at(last).room.name
			r.changed = append(r.changed, change{name, r.index.vacate(s, last)})
		}
		r.mu.Unlock()
		r.publish(s, false, &events)
		if s.in.len() == 0 {
			break
		}
		r.yield(id)
	}
	r.end(id)
	events.emit(id)
	return true
}

// Of returns the rooms of a socket, and whether it is known here: if not, the socket may
// live elsewhere. As in the library, the set follows the rooms.
func (r *Rooms) Of(id socket.SocketId) (_ *types.Set[socket.Room], here bool) {
	r.mu.RLock()
	s := r.index.sockets[id]
	if s != nil && s.set != nil {
		defer r.mu.RUnlock()
		return s.set, true
	}
	r.mu.RUnlock()

	s = r.begin(id)
	defer r.end(id)
	if s != nil {
		return r.setOf(s), true
	}
	if a, ok := r.arriving.Get(id); ok && a.here {
		return a.rooms, true
	}
	return nil, r.ours(id)
}

// setOf returns the set of a socket's rooms, and makes it if necessary. Its caller is in an
// operation on that socket, so no other goroutine changes these rooms meanwhile.
func (r *Rooms) setOf(s *LocalSocket) *types.Set[socket.Room] {
	if s.set != nil {
		return s.set
	}
	set := types.NewSet[socket.Room]()
	if s.own {
		set.Add(socket.Room(s.id))
	}
	for i := range s.in.len() {
		if i%atOnce == atOnce-1 {
			r.yield(s.id)
		}
		set.Add(s.in.at(i).room.name)
	}
	r.mu.Lock()
	s.set = set
	r.mu.Unlock()
	return set
}

// begin takes the lock for an operation on a socket, after the operation before it is
// complete. It returns the socket, or nil if the index does not have it.
func (r *Rooms) begin(id socket.SocketId) *LocalSocket {
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

// end ends an operation on a socket.
func (r *Rooms) end(id socket.SocketId) {
	if done := r.busy[id]; done != nil {
		delete(r.busy, id)
		close(done)
	}
	r.writing.Unlock()
}

// yield releases the lock for a moment in the middle of an operation on a socket. Other
// operations on the same socket go on waiting until it is complete.
func (r *Rooms) yield(id socket.SocketId) {
	if r.busy[id] == nil {
		r.busy[id] = make(chan struct{})
	}
	r.writing.Unlock()
	r.unlocked()
	r.writing.Lock()
}

// unlocked is called in each pause, without a lock. It yields the processor, too: otherwise
// the scheduler would sooner or later preempt a goroutine that holds the lock.
func (r *Rooms) unlocked() {
	if r.pause != nil {
		r.pause()
	}
	runtime.Gosched()
}

// change is a room that the socket of an operation has joined or left.
type change struct {
	name socket.Room
	edge bool // the room was created or deleted by this change
}

// publish applies the operation's changes to the library's maps, tells the mesh, and notes
// them for the listeners.
func (r *Rooms) publish(s *LocalSocket, joined bool, events *roomEvents) {
	for _, c := range r.changed {
		r.library.changed(s, c, joined)
		if r.occupancy != nil && c.edge {
			if joined {
				r.occupancy.Occupied(string(c.name))
			} else {
				r.occupancy.Vacated(string(c.name))
			}
		}
	}
	events.add(r.changed)
	clear(r.changed)
	r.changed = r.changed[:0]
}

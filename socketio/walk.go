package socketio

import (
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// atOnce is how many rooms a socket joins or leaves, and metAtOnce how many sockets a
// broadcast meets, before others get their turn: some 100 µs.
const (
	atOnce    = 1 << 8
	metAtOnce = 1 << 10
)

// walk is one way through the sockets that a target means. It holds the lock for
// metAtOnce of them at a time, so that nobody waits for all of them.
//
// What changes in between: it goes from the end of a list to its beginning, and who
// leaves is replaced by the last in the list. So nobody who stays is missed. Who was
// met already may take a place that is still to come, which [marks] tell. Who leaves
// is not met from then on.
type walk struct {
	rooms *rooms
	named bool // a socket named by its id is meant even if it is not in that room
	met   int
	free  bool // nobody is to be left out

	// Who is not met, or not again. At most one of the first two is in use.
	few    [4]*localSocket
	except [4]*room // if they have many more members than the rooms that are meant
	marks  *marks
}

// walk calls fn for each connected socket that to means, once, under the lock, as
// far as the index knows it. What it takes depends on who is meant, and not on how
// many are excepted.
func (r *rooms) walk(to core.Target, named bool, fn func(*localSocket)) {
	w := walk{rooms: r, named: named}
	x := &r.index
	r.mu.RLock()
	defer r.mu.RUnlock()
	size := len(x.all)
	if len(to.Rooms) > 0 {
		size = w.size(to.Rooms)
	}
	if len(to.Rooms) > 1 || size > metAtOnce {
		w.marks = getMarks()
	}
	if len(to.Except) > 0 {
		w.exclude(to.Except, size)
	}
	if w.marks != nil {
		defer putMarks(w.marks)
	}
	w.free = w.marks == nil && w.few[0] == nil && w.except[0] == nil
	if w.met = 0; len(to.Rooms) == 0 {
		w.over(&x.all, fn)
		return
	}
	w.in(to.Rooms, fn)
}

// size is how many members rooms have, at most.
func (w *walk) size(names []string) (size int) {
	for _, name := range names {
		size++
		if r := w.rooms.index.rooms[socket.Room(name)]; r != nil {
			size += len(r.members)
		}
	}
	return size
}

// exclude keeps the members of rooms from being met.
func (w *walk) exclude(names []string, size int) {
	x := &w.rooms.index
	if len(names) <= len(w.few) {
		n, lists := 0, 0
		for _, name := range names {
			if m := x.sockets[socket.SocketId(name)]; m != nil && m.own {
				w.few[n] = m
				n++
			}
			if r := x.rooms[socket.Room(name)]; r != nil {
				w.except[lists] = r
				lists++
			}
		}
		if lists == 0 || w.size(names) > 4*size {
			return
		}
		w.few, w.except = [4]*localSocket{}, [4]*room{}
	}
	if w.marks == nil {
		w.marks = getMarks()
	}
	marking := walk{rooms: w.rooms, marks: w.marks}
	marking.in(names, nil)
}

// in visits the members of rooms.
func (w *walk) in(names []string, fn func(*localSocket)) {
	x := &w.rooms.index
	for _, name := range names {
		if m := x.sockets[socket.SocketId(name)]; m != nil && (m.own || w.named) && (w.free || w.isNew(m)) {
			meet(m, fn)
		}
		if r := x.rooms[socket.Room(name)]; r != nil {
			w.over(&r.members, fn)
		}
	}
}

// over visits those in a list of the index.
func (w *walk) over(list *[]*localSocket, fn func(*localSocket)) {
	if w.free { // and no pauses
		for _, m := range *list {
			if !m.gone && m.socket.Connected() {
				fn(m)
			}
		}
		return
	}
	for i := len(*list) - 1; i >= 0; i-- {
		if m := (*list)[i]; w.isNew(m) {
			meet(m, fn)
		}
		if w.marks == nil {
			continue
		}
		if w.met++; w.met >= metAtOnce {
			w.met = 0
			w.rooms.mu.RUnlock()
			w.rooms.paused()
			w.rooms.mu.RLock()
			i = min(i, len(*list))
		}
	}
}

// meet calls fn, if there is one, for a socket that is connected.
func meet(m *localSocket, fn func(*localSocket)) {
	if fn != nil && !m.gone && m.socket.Connected() {
		fn(m)
	}
}

// isNew tells whether a socket is not excepted, and was not visited.
func (w *walk) isNew(m *localSocket) bool {
	if m.gone {
		return false // its number may be another one's
	}
	if w.few[0] != nil {
		for _, excluded := range w.few {
			if m == excluded {
				return false
			}
		}
	}
	if w.except[0] != nil {
		for _, r := range w.except {
			if r != nil && m.place(r) >= 0 {
				return false
			}
		}
	}
	return w.marks == nil || !w.marks.set(m.number)
}

// marks are a bit for each member's number.
type marks struct {
	bits    []uint64
	touched []int32 // which of them are not 0
}

var marksPool = sync.Pool{New: func() any { return new(marks) }}

func getMarks() *marks { return marksPool.Get().(*marks) }

func putMarks(m *marks) {
	for _, i := range m.touched {
		m.bits[i] = 0
	}
	m.touched = m.touched[:0]
	marksPool.Put(m)
}

// set sets a mark, and reports whether it was set already.
func (m *marks) set(number int32) bool {
	i, bit := int(number/64), uint64(1)<<(number%64)
	if i >= len(m.bits) {
		m.bits = append(m.bits, make([]uint64, i+1-len(m.bits))...)
	}
	word := m.bits[i]
	if word&bit != 0 {
		return true
	}
	if word == 0 {
		m.touched = append(m.touched, int32(i))
	}
	m.bits[i] = word | bit
	return false
}

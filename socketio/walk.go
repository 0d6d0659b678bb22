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
	fn    func(*localSocket)
	met   int

	// Who is not met, or not again. At most one of the first two is in use.
	few    [4]*localSocket
	except [4]*room // if they have many more members than the rooms that are meant
	marks  *marks
}

// walk calls fn for each connected socket that to means, once, under the lock, as
// far as the index knows it. What it takes depends on who is meant, and not on how
// many are excepted.
func (r *rooms) walk(to core.Target, named bool, fn func(*localSocket)) {
	w := walk{rooms: r, named: named, fn: fn}
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
	if w.met = 0; len(to.Rooms) == 0 {
		w.over(&x.all, w.visit)
		return
	}
	for _, name := range to.Rooms {
		w.in(name, w.named, w.visit)
	}
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
	for _, name := range names {
		w.in(name, false, func(m *localSocket) { w.marks.set(m.number) })
	}
}

// in calls fn for each member of a room.
func (w *walk) in(name string, named bool, fn func(*localSocket)) {
	x := &w.rooms.index
	if m := x.sockets[socket.SocketId(name)]; m != nil && (m.own || named) {
		fn(m)
	}
	if r := x.rooms[socket.Room(name)]; r != nil {
		w.over(&r.members, fn)
	}
}

// over calls fn for each member of a list of the index.
func (w *walk) over(list *[]*localSocket, fn func(*localSocket)) {
	for i := len(*list) - 1; i >= 0; i-- {
		fn((*list)[i])
		if w.met++; w.met >= metAtOnce && w.marks != nil {
			w.met = 0
			w.rooms.mu.RUnlock()
			w.rooms.paused()
			w.rooms.mu.RLock()
			i = min(i, len(*list))
		}
	}
}

func (w *walk) visit(m *localSocket) {
	if m.gone {
		return
	}
	if w.few[0] != nil {
		for _, excluded := range w.few {
			if m == excluded {
				return
			}
		}
	}
	if w.except[0] != nil {
		for _, r := range w.except {
			if r != nil && m.place(r) >= 0 {
				return
			}
		}
	}
	if w.marks != nil && w.marks.set(m.number) {
		return
	}
	if m.socket.Connected() {
		w.fn(m)
	}
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

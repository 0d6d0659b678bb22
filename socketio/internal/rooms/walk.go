package rooms

import (
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// atOnce is how many rooms a socket joins or leaves between two pauses, and visitedAtOnce
// how many sockets a broadcast visits: both take some 100 µs.
const (
	atOnce        = 1 << 8
	visitedAtOnce = 1 << 10
)

// walk visits the sockets that match a target. It holds the lock for visitedAtOnce of them
// at a time, so that no other goroutine waits for all of them.
//
// Lists change while the lock is not held. The walk goes from the end of a list to its
// beginning, and the list's last socket takes the place of one that leaves: so no socket
// that stays is missed. A visited socket may move to a place that is still to come: [marks]
// keep it from being visited again. A socket that has left is not visited.
type walk struct {
	rooms *Rooms
	named bool // a socket named by its id matches even if it is not in the room of that name
	count int  // sockets visited since the last pause
	free  bool // nothing is excepted and nothing visited twice, so sockets need no check

	// A socket is skipped if it is in few, or in a room of except, or marked. A marked one
	// is excepted, or was visited before.
	few    [4]*LocalSocket // sockets excepted by their ids
	except [4]*room        // excepted rooms, if they have many more members than the target's rooms
	marks  *marks
}

// walk calls fn once for each connected socket of the index that matches to, under the
// lock. Its cost depends on how many sockets match, and not on how many are excepted.
func (r *Rooms) walk(to core.Target, named bool, fn func(*LocalSocket)) {
	w := walk{rooms: r, named: named}
	x := &r.index
	r.mu.RLock()
	defer r.mu.RUnlock()
	size := x.size(to.Rooms)
	if len(to.Rooms) > 1 || size > visitedAtOnce {
		w.marks = getMarks()
	}
	if len(to.Except) > 0 {
		w.exclude(to.Except, size)
	}
	if w.marks != nil {
		defer putMarks(w.marks)
	}
	w.free = w.marks == nil && w.few[0] == nil && w.except[0] == nil
	if w.count = 0; len(to.Rooms) == 0 {
		w.over(&x.all, fn)
		return
	}
	w.in(to.Rooms, fn)
}

// exclude keeps the members of rooms from being visited. size is how many sockets match the
// target's rooms.
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
		if lists == 0 || x.size(names) > 4*size {
			return
		}
		w.few, w.except = [4]*LocalSocket{}, [4]*room{}
	}
	if w.marks == nil {
		w.marks = getMarks()
	}
	marking := walk{rooms: w.rooms, marks: w.marks}
	marking.in(names, nil)
}

// in visits the members of rooms.
func (w *walk) in(names []string, fn func(*LocalSocket)) {
	x := &w.rooms.index
	for _, name := range names {
		if m := x.sockets[socket.SocketId(name)]; m != nil && (m.own || w.named) && (w.free || w.isNew(m)) {
			visit(m, fn)
		}
		if r := x.rooms[socket.Room(name)]; r != nil {
			w.over(&r.members, fn)
		}
	}
}

// over visits the sockets in a list of the index.
func (w *walk) over(l *list[member], fn func(*LocalSocket)) {
	if w.free { // the list is short enough to do without pauses
		for i := range l.len() {
			visit(l.at(i).socket, fn)
		}
		return
	}
	for i := l.len() - 1; i >= 0; i-- {
		if m := l.at(i).socket; w.isNew(m) {
			visit(m, fn)
		}
		if w.marks == nil {
			continue
		}
		if w.count++; w.count >= visitedAtOnce {
			w.count = 0
			w.rooms.mu.RUnlock()
			w.rooms.unlocked()
			w.rooms.mu.RLock()
			i = min(i, l.len())
		}
	}
}

// visit calls fn, unless it is nil, for a socket that is connected.
func visit(m *LocalSocket, fn func(*LocalSocket)) {
	if fn != nil && !m.gone && m.Socket.Connected() {
		fn(m)
	}
}

// isNew reports whether a socket is not excepted and has not been visited. If the walk has
// marks, it marks the socket.
func (w *walk) isNew(m *LocalSocket) bool {
	if m.gone {
		return false // its number may belong to another socket by now
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

// marks is a set of sockets, with a bit for each socket's number.
type marks struct {
	bits    []uint64
	touched []int32 // the words of bits that are not 0
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

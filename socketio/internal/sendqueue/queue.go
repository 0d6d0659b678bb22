package sendqueue

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/socketmesh/mesh/internal/backlog"
)

var (
	// ErrSlow: a connection took its frames too slowly, and was cut. The error is
	// a [*backlog.Error], which says why.
	ErrSlow = backlog.ErrSlow
	// ErrClosed: the queue has been closed.
	ErrClosed = errors.New("connection closed")
)

// Owner is told about a queue.
type Owner interface {
	// Sent tells that what was put before so many more notes (see [Queue.Note])
	// has been handed to the network. It is called under the queue's lock: it must
	// return at once and not call back.
	Sent(notes int)
	// Failed tells, once, that the connection broke or was cut ([ErrSlow]). The
	// queue is closed then. It is called on a goroutine of its own.
	Failed(err error)
}

// Queue holds the frames that wait for one connection. Its methods may be called by
// several goroutines at once and never block on the network.
type Queue struct {
	scheduler *Scheduler
	conn      net.Conn
	raw       syscall.RawConn // nil where writing may block
	owner     Owner

	next *Queue // in line at the scheduler; the scheduler's

	mu      sync.Mutex
	queue   fifo
	offset  int    // bytes of the first frame that are written already
	waiting int    // bytes in the queue
	lag     *lag   // while the connection is behind; nil else
	put     uint64 // frames so far; sent is how many of them have gone
	sent    uint64
	gates   []gate
	notes   []uint64 // the values of put at the noted frames
	state   state
	ending  ending
	until   time.Time // when a closing one is closed, flushed or not
}

// state says who sees to the queue.
type state uint8

const (
	idle    state = iota // nobody: nothing can be sent
	inLine               // the scheduler will
	writing              // a writer
	blocked              // a goroutine of its own
)

type ending uint8

const (
	open    ending = iota
	closing        // when everything is sent
	broken         // the peer has gone: nothing can be sent, and what it has sent is read
	closed
)

// Put adds a frame.
func (b *Queue) Put(f *Frame) error {
	b.mu.Lock()
	err := b.add(f)
	b.mu.Unlock()
	b.scheduler.relieve()
	return err
}

// PutAll adds frames, with nothing in between.
func (b *Queue) PutAll(frames []*Frame) error {
	defer b.scheduler.relieve()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range frames {
		if err := b.add(f); err != nil {
			return err
		}
	}
	return nil
}

// PutVolatile adds a frame, unless the connection is behind: then it drops it,
// counts it and reports false.
func (b *Queue) PutVolatile(f *Frame) (bool, error) {
	b.mu.Lock() // what is not behind holds nothing that counts for all
	defer b.mu.Unlock()
	if b.behind() {
		b.scheduler.stats.dropped.Add(1)
		return false, nil
	}
	return true, b.add(f)
}

// Behind tells whether the connection takes less than it is given: it is blocked,
// or more waits than one write can take.
func (b *Queue) Behind() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.behind()
}

func (b *Queue) behind() bool {
	return b.waiting >= batch || b.state == blocked && b.raw != nil
}

// Note asks for [Owner.Sent] when all that has been put so far is sent, which may
// be at once.
func (b *Queue) Note() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ending >= broken {
		return
	}
	b.notes = append(b.notes, b.put)
	if b.state == idle {
		b.tell()
	}
}

// add appends a frame, and sees that somebody sends it.
func (b *Queue) add(f *Frame) error {
	if b.ending != open {
		return ErrClosed
	}
	b.push(f)
	if b.lag != nil && b.full() {
		return b.cut(backlog.Full)
	}
	b.kick()
	return nil
}

func (b *Queue) push(f *Frame) {
	b.queue.push(f)
	b.put++
	b.waiting += len(f.bytes)
	if b.lag != nil || b.length() >= b.scheduler.behindAt {
		b.grown(f)
	}
}

// kick sees that somebody sends what may be sent.
func (b *Queue) kick() {
	if b.state != idle || b.sendable() == 0 {
		return
	}
	if b.raw == nil {
		b.block()
		return
	}
	b.state = inLine
	b.scheduler.line(b)
}

// fill copies what may be sent next behind buf, up to its capacity.
func (b *Queue) fill(buf []byte) []byte {
	offset := b.offset
	for i := range b.sendable() {
		rest := b.queue.at(i).bytes[offset:]
		room := cap(buf) - len(buf)
		if len(rest) > room {
			return append(buf, rest[:room]...)
		}
		buf = append(buf, rest...)
		offset = 0
	}
	return buf
}

// advance takes n written bytes off.
func (b *Queue) advance(n int) {
	b.waiting -= n
	b.offset += n
	for b.queue.len() > 0 && b.offset >= len(b.queue.at(0).bytes) {
		f := b.queue.at(0)
		b.offset -= len(f.bytes)
		b.queue.pop()
		b.sent++
		if b.lag != nil {
			b.lag.gone(f)
		}
	}
	if b.lag != nil {
		b.shrunk(n)
	}
	b.tell()
}

// tell tells the owner of notes that are due.
func (b *Queue) tell() {
	due := 0
	for due < len(b.notes) && b.notes[due] <= b.sent {
		due++
	}
	if due == 0 {
		return
	}
	if b.notes = b.notes[due:]; len(b.notes) == 0 {
		b.notes = nil
	}
	b.owner.Sent(due)
}

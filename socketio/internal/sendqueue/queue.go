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
	// ErrSlow says that a connection took its frames too slowly, and was disconnected. The
	// error is a [*backlog.Error], which says why.
	ErrSlow = backlog.ErrSlow
	// ErrClosed says that the queue has been closed.
	ErrClosed = errors.New("connection closed")
)

// Owner gets the events of a queue.
type Owner interface {
	// Sent reports that everything in front of so many more marks (see [Queue.Mark]) has
	// been written to the network. It is called under the queue's lock: it must return at
	// once and not call the queue.
	Sent(marks int)
	// Failed reports, once, that the connection broke or was too slow ([ErrSlow]). The
	// queue is closed then. It is called on its own goroutine.
	Failed(err error)
}

// Queue holds the frames that wait for one connection. Its methods are safe for concurrent
// use and never block on the network.
type Queue struct {
	scheduler *Scheduler
	conn      net.Conn
	raw       syscall.RawConn // nil if writing may block
	owner     Owner

	next *Queue // next queue in the scheduler's line; guarded by the scheduler's lock

	mu      sync.Mutex
	frames  fifo
	offset  int    // bytes of the first frame that are written
	waiting int    // bytes in the queue
	lag     *lag   // while the connection is behind; else nil
	put     uint64 // number of frames so far; sent is how many of them are written
	sent    uint64
	holds   []hold
	marks   []uint64 // the value of put when each mark was set
	state   state
	ending  ending
	until   time.Time // when a closing queue is closed, even if frames are left
}

// state says which goroutine writes what is in the queue.
type state uint8

const (
	idle    state = iota // none: nothing can be sent
	inLine               // a writer of the scheduler, when it is the queue's turn
	writing              // a writer of the scheduler
	blocked              // the queue's own goroutine
)

type ending uint8

const (
	open    ending = iota
	closing        // it closes when everything is sent
	broken         // the peer has gone: nothing can be sent, but what it has sent can be read
	closed
)

// Put adds a frame.
func (q *Queue) Put(f *Frame) error {
	q.mu.Lock()
	err := q.add(f)
	q.mu.Unlock()
	q.scheduler.enforceTotal()
	return err
}

// PutAll adds frames, with nothing in between.
func (q *Queue) PutAll(frames []*Frame) error {
	defer q.scheduler.enforceTotal()
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, f := range frames {
		if err := q.add(f); err != nil {
			return err
		}
	}
	return nil
}

// PutVolatile adds a frame, unless the connection is behind: then it counts the frame as
// dropped and returns false.
func (q *Queue) PutVolatile(f *Frame) (bool, error) {
	q.mu.Lock() // no check of the total: a queue that is not behind does not count in it
	defer q.mu.Unlock()
	if q.behind() {
		q.scheduler.stats.dropped.Add(1)
		return false, nil
	}
	return true, q.add(f)
}

// Behind reports whether the connection takes less than it is given: it is blocked, or more
// waits than one write can take.
func (q *Queue) Behind() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.behind()
}

func (q *Queue) behind() bool {
	return q.waiting >= batch || q.state == blocked && q.raw != nil
}

// Mark sets a mark behind everything that has been put so far: [Owner.Sent] reports when
// that has been sent, which may be at once.
func (q *Queue) Mark() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ending >= broken {
		return
	}
	q.marks = append(q.marks, q.put)
	if q.state == idle {
		q.reportMarks()
	}
}

// add appends a frame and schedules the queue.
func (q *Queue) add(f *Frame) error {
	if q.ending != open {
		return ErrClosed
	}
	q.push(f)
	if q.lag != nil && q.full() {
		return q.cut(backlog.Full)
	}
	q.schedule()
	return nil
}

func (q *Queue) push(f *Frame) {
	q.frames.push(f)
	q.put++
	q.waiting += len(f.bytes)
	if q.lag != nil || q.length() >= q.scheduler.behindAt {
		q.grown(f)
	}
}

// schedule gives the queue to a writer, or its own goroutine, if there is something to send
// and nothing writes it yet.
func (q *Queue) schedule() {
	if q.state != idle || q.sendable() == 0 {
		return
	}
	if q.raw == nil {
		q.startBlocking()
		return
	}
	q.state = inLine
	q.scheduler.enqueue(q)
}

// fill appends what may be sent next to buf, up to its capacity.
func (q *Queue) fill(buf []byte) []byte {
	offset := q.offset
	for i := range q.sendable() {
		rest := q.frames.at(i).bytes[offset:]
		space := cap(buf) - len(buf)
		if len(rest) > space {
			return append(buf, rest[:space]...)
		}
		buf = append(buf, rest...)
		offset = 0
	}
	return buf
}

// advance removes n written bytes from the queue.
func (q *Queue) advance(n int) {
	q.waiting -= n
	q.offset += n
	for q.frames.len() > 0 && q.offset >= len(q.frames.at(0).bytes) {
		f := q.frames.at(0)
		q.offset -= len(f.bytes)
		q.frames.pop()
		q.sent++
		if q.lag != nil {
			q.lag.gone(f)
		}
	}
	if q.lag != nil {
		q.shrunk(n)
	}
	q.reportMarks()
}

// reportMarks reports the marks in front of which everything is sent to the owner.
func (q *Queue) reportMarks() {
	due := 0
	for due < len(q.marks) && q.marks[due] <= q.sent {
		due++
	}
	if due == 0 {
		return
	}
	if q.marks = q.marks[due:]; len(q.marks) == 0 {
		q.marks = nil
	}
	q.owner.Sent(due)
}

package node

import (
	"time"

	"github.com/socketmesh/mesh/internal/backlog"
)

// queue is what waits for one peer, including what is being written. It has one fifo
// for each stream of messages of the link in use; all messages of a namespace are in
// the same one. It is guarded by its peer's lock.
type queue struct {
	limits      backlog.Limits // of bytes
	maxMessages int            // more count as more than limits.Soft bytes

	fifos    []fifo // at least one
	waiting  int    // messages in all fifos
	writing  int    // messages being written
	volatile int    // messages that wait and may be dropped
	bytes    int    // memory of waiting and writing
	underWay int    // memory of writing
	giant    *frame // the first one above limits.Soft, which does not count for limits.Hard

	behind time.Time      // since when more waits than one Send gets; zero if no more does
	window backlog.Window // of what the peer takes
}

func newQueue(limits backlog.Limits, maxMessages int) queue {
	return queue{limits: limits, maxMessages: maxMessages, fifos: make([]fifo, 1)}
}

// fifo is the number of the fifo that f belongs in.
func (q *queue) fifo(f *frame) int { return int(f.stream % uint32(len(q.fifos))) }

// over tells whether more waits, with so many bytes and messages beside, than may
// for as long as it takes.
func (q *queue) over(bytes, messages int) bool {
	return q.bytes+bytes > q.limits.Soft || q.waiting+q.writing+messages > q.maxMessages
}

// pushed is what has become of a frame.
type pushed uint8

const (
	queued  pushed = iota
	dropped        // it is volatile, and the peer is behind
	full           // more would wait than may
)

// push adds f and holds it. Where the peer is behind, volatile frames are dropped,
// f before others, which are returned: the caller releases them.
func (q *queue) push(f *frame) (result pushed, lost []*frame) {
	size := f.size()
	if q.over(size, 1) && q.waiting+q.writing > 0 {
		if f.volatile {
			return dropped, nil
		}
		if q.volatile > 0 {
			lost = q.dropVolatile()
		}
		if q.tooMuch(f) {
			return full, lost
		}
	}
	if q.giant == nil && size > q.limits.Soft {
		q.giant = f
	}
	f.hold()
	q.fifos[q.fifo(f)].push(f)
	q.waiting++
	if q.bytes += size; q.bytes > batchBytes && q.behind.IsZero() {
		q.behind = time.Now()
	}
	if f.volatile {
		q.volatile++
	}
	return queued, lost
}

// tooMuch tells whether more than may wait at all would, with f.
func (q *queue) tooMuch(f *frame) bool {
	giant := q.giant
	if giant == nil && f.size() > q.limits.Soft {
		giant = f
	}
	spared := 0
	if giant != nil {
		spared = giant.size()
	}
	return q.limits.Full(q.bytes+f.size(), spared)
}

// tooSlow tells whether the peer has been over the soft bound for long without
// taking what it has to. It is asked now and then.
func (q *queue) tooSlow(now time.Time) bool {
	bytes := q.bytes
	if q.over(0, 0) {
		bytes = max(bytes, q.limits.Soft+1)
	}
	return q.window.TooSlow(&q.limits, bytes, q.underWay, now)
}

// slow describes a peer that is cut.
func (q *queue) slow(reason backlog.Reason) *backlog.Error {
	err := &backlog.Error{Reason: reason, Bytes: q.bytes, Messages: q.waiting + q.writing}
	if !q.behind.IsZero() {
		err.Behind = time.Since(q.behind)
	}
	return err
}

func (q *queue) dropVolatile() (lost []*frame) {
	for i := range q.fifos {
		q.fifos[i].filter(func(f *frame) bool {
			if f.volatile {
				q.lose(f)
				lost = append(lost, f)
			}
			return !f.volatile
		})
	}
	return lost
}

// lose gives up a frame that was waiting.
func (q *queue) lose(f *frame) {
	q.waiting--
	if f.volatile {
		q.volatile--
	}
	q.gone(f)
}

// gone takes a frame off that neither waits any more nor is being written.
func (q *queue) gone(f *frame) {
	if q.giant == f {
		q.giant = nil
	}
	if q.bytes -= f.size(); q.bytes <= batchBytes {
		q.behind = time.Time{}
	}
}

// The most that one Send gets, so that pings do not wait long behind a batch.
const (
	batchBytes    = 1 << 20
	batchMessages = 1024
)

// take moves the next frames of a fifo to batch, for a writer that calls sent
// when it is through with them.
func (q *queue) take(fifo int, batch []*frame) []*frame {
	before := len(batch)
	batch = q.fifos[fifo].take(batch)
	for _, f := range batch[before:] {
		q.underWay += f.size()
		if f.volatile {
			q.volatile--
		}
	}
	q.waiting -= len(batch) - before
	q.writing += len(batch) - before
	return batch
}

// sent takes a batch off that was written.
func (q *queue) sent(batch []*frame) {
	for _, f := range batch {
		q.underWay -= f.size()
		q.window.Took(f.size())
		q.gone(f)
	}
	q.writing -= len(batch)
}

// resize changes the number of fifos. The order within a namespace stays.
func (q *queue) resize(fifos int) {
	if fifos == len(q.fifos) {
		return
	}
	old := q.fifos
	q.fifos = make([]fifo, fifos)
	for i := range old {
		old[i].filter(func(f *frame) bool {
			q.fifos[q.fifo(f)].push(f)
			return false
		})
	}
}

// discard drops all that waits, and returns it: the caller releases it.
func (q *queue) discard() (lost []*frame) {
	for i := range q.fifos {
		q.fifos[i].filter(func(f *frame) bool {
			q.lose(f)
			lost = append(lost, f)
			return false
		})
	}
	return lost
}

package node

import (
	"fmt"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backlog"
)

// queue is what waits for one peer, including what is being written, and what the peer
// has not said to have. It has one fifo for each stream of messages of the link in use;
// all messages of a namespace are in the same one. It is guarded by its peer's lock.
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

	parked map[uint32]*fifo // what waits of streams that the peer has paused

	keeps   bool     // the peer says what it has; until then it is kept
	replays []replay // of each fifo, if keeps
	unacked int      // memory of what they hold
	window  int      // beyond so much of it, nothing more is taken
	held    bool     // nothing was taken for that reason

	behind   time.Time      // since when more waits than one Send gets; zero if no more does
	progress backlog.Window // of what the peer takes
}

func newQueue(limits backlog.Limits, maxMessages int) queue {
	return queue{limits: limits, maxMessages: maxMessages, fifos: make([]fifo, 1)}
}

// keep makes the queue keep what is written, about window bytes of it.
func (q *queue) keep(window int) {
	q.keeps, q.window, q.replays = true, window, make([]replay, len(q.fifos))
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
	f.toWrite()
	q.fifos[q.fifo(f)].push(f)
	q.entered(f)
	if f.volatile {
		q.volatile++
	}
	return queued, lost
}

// entered counts a frame that waits.
func (q *queue) entered(f *frame) {
	q.waiting++
	if q.bytes += f.size(); q.bytes > batchBytes && q.behind.IsZero() {
		q.behind = time.Now()
	}
}

// pushUnlinked is push while there is no link: the oldest messages make way for
// new ones, and volatile frames are dropped. Those that were not sent are lost; whether
// the peer has the others it will say.
func (q *queue) pushUnlinked(f *frame) (result pushed, done []*frame, lost lostKinds) {
	if f.volatile {
		return dropped, nil, nil
	}
	for q.bytes+q.unacked+f.size() > q.limits.Soft || q.waiting >= q.maxMessages {
		old, sent := q.oldest(q.fifo(f))
		if old == nil {
			break
		}
		if !sent {
			lost = lost.add(old.kind, 1)
		}
		done = append(done, old)
	}
	f.hold()
	f.toWrite()
	q.fifos[q.fifo(f)].push(f)
	q.entered(f)
	return queued, done, lost
}

// oldest gives up the oldest message of a fifo, or of any other if it has none, and
// tells whether it had been sent.
func (q *queue) oldest(first int) (f *frame, sent bool) {
	for i := range q.fifos {
		n := (first + i) % len(q.fifos)
		if f := q.replays[n].trim(); f != nil {
			q.unacked -= f.size()
			return f, true
		}
		if f := q.fifos[n].pop(); f != nil {
			q.lose(f)
			return f, false
		}
	}
	return nil, false
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
	return q.progress.TooSlow(&q.limits, bytes, q.underWay, now)
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
	q.filter(func(f *frame) bool {
		if f.volatile {
			q.lose(f)
			lost = append(lost, f)
		}
		return !f.volatile
	})
	return lost
}

// filter keeps the waiting frames for which keep says so.
func (q *queue) filter(keep func(*frame) bool) {
	for i := range q.fifos {
		q.fifos[i].filter(keep)
	}
	for _, parked := range q.parked {
		parked.filter(keep)
	}
}

// lose gives up a frame that was waiting.
func (q *queue) lose(f *frame) {
	q.waiting--
	if f.volatile {
		q.volatile--
	}
	q.gone(f)
	f.wrote()
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
	if q.keeps && q.unacked >= q.window {
		q.held = true
		return batch
	}
	before := len(batch)
	if len(q.parked) > 0 {
		batch = q.takeUnparked(fifo, batch)
	} else {
		batch = q.fifos[fifo].take(batch)
	}
	for _, f := range batch[before:] {
		q.underWay += f.size()
		if f.volatile {
			q.volatile--
		}
		if q.keeps {
			q.unacked += f.size()
		}
	}
	if q.keeps {
		q.replays[fifo].add(batch[before:])
	}
	q.waiting -= len(batch) - before
	q.writing += len(batch) - before
	return batch
}

// sent takes a batch of a fifo off that was written, or has failed to be. It appends to
// done what nobody needs any more: the caller releases it.
func (q *queue) sent(fifo int, batch, done []*frame) []*frame {
	for _, f := range batch {
		q.underWay -= f.size()
		q.progress.Took(f.size())
		q.gone(f)
		f.wrote()
	}
	q.writing -= len(batch)
	if !q.keeps {
		return append(done, batch...)
	}
	r := &q.replays[fifo]
	r.written += uint64(len(batch))
	return q.release(r, done)
}

// release lets go of what the peer has of a fifo.
func (q *queue) release(r *replay, done []*frame) []*frame {
	before := len(done)
	done = r.release(done)
	for _, f := range done[before:] {
		q.unacked -= f.size()
	}
	return done
}

// acknowledge notes how many messages of each fifo the peer has, and appends to done what
// is not needed any more: the caller releases it. proceed tells that writers were
// waiting for this.
func (q *queue) acknowledge(counts []uint64, done []*frame) (_ []*frame, proceed bool, err error) {
	if err := q.check(counts); err != nil {
		return done, false, err
	}
	for i, n := range counts {
		r := &q.replays[i]
		r.acked = max(r.acked, n)
		done = q.release(r, done)
	}
	if q.held && q.unacked < q.window {
		q.held, proceed = false, true
	}
	return done, proceed, nil
}

// check tells whether the peer can have so many messages of each fifo.
func (q *queue) check(counts []uint64) error {
	if len(counts) != len(q.replays) {
		return fmt.Errorf("%w: acknowledgement for %d sequences of %d", core.ErrMalformed, len(counts), len(q.replays))
	}
	for i, n := range counts {
		if taken := q.replays[i].taken(); n > taken {
			return fmt.Errorf("%w: acknowledgement of message %d of %d", core.ErrMalformed, n, taken)
		}
	}
	return nil
}

// rewound is what has become of messages that the peer did not have when its link
// broke.
type rewound struct {
	again   int       // wait to be sent again
	lost    lostKinds // are not there any more
	dropped []*frame  // are not sent again; the caller releases them
	arrived []*frame  // the peer has them; the caller releases them
}

// rewind makes what the peer does not have wait again, in the order in which it was
// taken. The peer has so many messages of each fifo. Nothing is being written.
func (q *queue) rewind(counts []uint64) (w rewound, err error) {
	if err := q.check(counts); err != nil {
		return w, err
	}
	for i, n := range counts {
		r := &q.replays[i]
		if n < r.base {
			return w, fmt.Errorf("%w: acknowledgement of %d messages after one of %d", core.ErrMalformed, n, r.base)
		}
		r.acked, r.written = n, r.taken()
		w.arrived = q.release(r, w.arrived)
		trimmed, kept := r.reset(n)
		for _, kind := range trimmed {
			w.lost = w.lost.add(kind, 1)
		}
		again := kept[:0]
		for _, f := range kept {
			q.unacked -= f.size()
			if f.volatile {
				w.dropped = append(w.dropped, f)
				continue
			}
			f.toWriteAgain()
			q.entered(f)
			again = append(again, f)
		}
		q.fifos[i].pushFront(again)
		w.again += len(again)
	}
	q.held = false
	return w, nil
}

// restart begins a new session: the messages that were sent in this one are lost, and
// so are those that wait, if they belong to it.
func (q *queue) restart(waiting bool) (w rewound) {
	if waiting {
		w.lost, w.dropped = q.abandon()
	}
	for i := range q.replays {
		trimmed, _ := q.replays[i].reset(0)
		for _, kind := range trimmed {
			w.lost = w.lost.add(kind, 1)
		}
	}
	q.held = false
	return w
}

// abandon lets all frames go. Of those that were sent it keeps the kinds, until the
// peer says which of them it has.
func (q *queue) abandon() (lost lostKinds, done []*frame) {
	done = q.discard()
	for _, f := range done {
		if !f.volatile {
			lost = lost.add(f.kind, 1)
		}
	}
	for i := range q.replays {
		for f := q.replays[i].trim(); f != nil; f = q.replays[i].trim() {
			q.unacked -= f.size()
			done = append(done, f)
		}
		q.replays[i].sent = fifo{} // gives back its memory: the kinds are kept for long
	}
	return lost, done
}

// positions are how many messages of each fifo were taken in this session.
func (q *queue) positions() []uint64 {
	positions := make([]uint64, len(q.replays))
	for i := range q.replays {
		positions[i] = q.replays[i].taken()
	}
	return positions
}

// allAcked tells whether the peer has said that it has everything that was taken.
func (q *queue) allAcked() bool {
	for i := range q.replays {
		if r := &q.replays[i]; r.acked < r.taken() {
			return false
		}
	}
	return true
}

// anyAcked tells whether the peer has said that it has anything.
func (q *queue) anyAcked() bool {
	for i := range q.replays {
		if q.replays[i].acked > 0 {
			return true
		}
	}
	return false
}

// resize changes the number of fifos. The order within a namespace stays. A queue that
// keeps what it sends has to be restarted before.
func (q *queue) resize(fifos int) {
	if fifos == len(q.fifos) {
		return
	}
	if q.keeps {
		q.replays = make([]replay, fifos)
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
	q.filter(func(f *frame) bool {
		q.lose(f)
		lost = append(lost, f)
		return false
	})
	return lost
}

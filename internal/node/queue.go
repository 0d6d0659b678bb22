package node

import (
	"fmt"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backlog"
)

// queue holds the messages for one peer: those that wait, those that are being written,
// and those that were written and not acknowledged. It has one fifo for each message
// stream of the current link; all messages of a namespace go to the same fifo. It is
// guarded by its peer's lock.
type queue struct {
	limits      backlog.Limits // of bytes
	maxMessages int            // more messages count like more than limits.Soft bytes

	fifos    []fifo // at least one
	waiting  int    // messages in all fifos
	writing  int    // messages being written
	volatile int    // waiting messages that may be dropped
	bytes    int    // memory of the messages that wait or are being written
	underWay int    // memory of the messages that are being written
	giant    *frame // the first frame above limits.Soft; limits.Hard does not count it

	parked map[uint32]*fifo // waiting messages of the streams that the peer has paused

	keeps   bool     // the peer acknowledges messages: they are kept until then
	replays []replay // of each fifo, if keeps
	unacked int      // memory of the frames in replays
	window  int      // with so much unacked memory, no further messages are taken
	held    bool     // messages were not taken because of window

	behind   time.Time      // since when more bytes wait than one Send takes; zero if there are fewer
	progress backlog.Window // how fast the peer takes messages
}

func newQueue(limits backlog.Limits, maxMessages int) queue {
	return queue{limits: limits, maxMessages: maxMessages, fifos: make([]fifo, 1)}
}

// keep makes the queue keep messages until they are acknowledged, about window bytes of
// them.
func (q *queue) keep(window int) {
	q.keeps, q.window, q.replays = true, window, make([]replay, len(q.fifos))
}

// fifo returns the number of the fifo to which f belongs.
func (q *queue) fifo(f *frame) int { return int(f.stream % uint32(len(q.fifos))) }

// over reports whether, with so many more bytes and messages, the queue would be above
// the soft limit, where it may stay only while the peer makes progress.
func (q *queue) over(bytes, messages int) bool {
	return q.bytes+bytes > q.limits.Soft || q.waiting+q.writing+messages > q.maxMessages
}

// pushed is the result of a push.
type pushed uint8

const (
	queued  pushed = iota
	dropped        // the frame is volatile, and the peer is behind
	full           // the queue would be above the hard limit
)

// push adds f and holds it. Above the soft limit volatile frames are dropped: f itself,
// if it is volatile, otherwise those that wait. The latter are returned, and the caller
// releases them.
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

// entered counts a frame that waits from now on.
func (q *queue) entered(f *frame) {
	q.waiting++
	if q.bytes += f.size(); q.bytes > batchBytes && q.behind.IsZero() {
		q.behind = time.Now()
	}
}

// pushUnlinked is push while there is no link: volatile frames are dropped, and the
// oldest messages make way for new ones. Those of them that were never written are
// counted in lost; whether the peer has got the others, it says when it resumes.
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

// oldest removes the oldest message of a fifo, or of another one if that fifo is empty.
// It reports whether the message had been written.
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

// tooMuch reports whether f would bring the queue above the hard limit.
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

// tooSlow reports whether the queue has been above the soft limit for too long while the
// peer took less than it has to. It is called at intervals, and measures between the
// calls.
func (q *queue) tooSlow(now time.Time) bool {
	bytes := q.bytes
	if q.over(0, 0) {
		bytes = max(bytes, q.limits.Soft+1)
	}
	return q.progress.TooSlow(&q.limits, bytes, q.underWay, now)
}

// slow makes the error for a peer that is cut.
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

// filter removes the waiting frames for which keep returns false.
func (q *queue) filter(keep func(*frame) bool) {
	for i := range q.fifos {
		q.fifos[i].filter(keep)
	}
	for _, parked := range q.parked {
		parked.filter(keep)
	}
}

// lose uncounts a waiting frame that will not be sent.
func (q *queue) lose(f *frame) {
	q.waiting--
	if f.volatile {
		q.volatile--
	}
	q.gone(f)
	f.wrote()
}

// gone uncounts a frame that neither waits nor is being written any more.
func (q *queue) gone(f *frame) {
	if q.giant == f {
		q.giant = nil
	}
	if q.bytes -= f.size(); q.bytes <= batchBytes {
		q.behind = time.Time{}
	}
}

// The most that one Send takes, so that a ping does not wait long behind a batch.
const (
	batchBytes    = 1 << 20
	batchMessages = 1024
)

// take moves the next frames of a fifo to batch. The writer calls sent when it has
// written them.
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

// sent is called when a batch of a fifo was written, or its writing has failed. It
// appends to done the frames that are not needed any more: the caller releases them.
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

// release removes the acknowledged frames from a replay and appends them to done.
func (q *queue) release(r *replay, done []*frame) []*frame {
	before := len(done)
	done = r.release(done)
	for _, f := range done[before:] {
		q.unacked -= f.size()
	}
	return done
}

// acknowledge notes how many messages of each fifo the peer has received, and appends to
// done the frames that are not needed any more: the caller releases them. proceed reports
// that writers were waiting for that and have to be woken.
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

// check returns an error if the peer cannot have received that many messages of each
// fifo.
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

// rewound says what has become of the messages that the peer had not received when its
// link broke.
type rewound struct {
	again   int       // number of messages that wait to be sent again
	lost    lostKinds // messages whose frames were not kept
	dropped []*frame  // volatile, so not sent again; the caller releases them
	arrived []*frame  // received by the peer; the caller releases them
}

// rewind puts the messages that the peer has not received back into the fifos, in their
// order. counts says how many it has received of each fifo. No writer may hold a batch.
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

// restart begins a new session. The messages that were written in the old one are lost,
// and with waiting, those that wait are, too.
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

// abandon removes all frames. It remembers the kinds of those that were written, until
// the peer says which of them it has received.
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
		q.replays[i].sent = fifo{} // frees its memory: the kinds may be kept for minutes
	}
	return lost, done
}

// positions returns how many messages of each fifo were taken in this session.
func (q *queue) positions() []uint64 {
	positions := make([]uint64, len(q.replays))
	for i := range q.replays {
		positions[i] = q.replays[i].taken()
	}
	return positions
}

// allAcked reports whether the peer has acknowledged all messages that were taken.
func (q *queue) allAcked() bool {
	for i := range q.replays {
		if r := &q.replays[i]; r.acked < r.taken() {
			return false
		}
	}
	return true
}

// anyAcked reports whether the peer has acknowledged any message.
func (q *queue) anyAcked() bool {
	for i := range q.replays {
		if q.replays[i].acked > 0 {
			return true
		}
	}
	return false
}

// resize changes the number of fifos. The order within a namespace stays. If messages are
// kept, everything has to be acknowledged, or the session restarted, before.
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

// discard removes all waiting frames and returns them: the caller releases them.
func (q *queue) discard() (lost []*frame) {
	q.filter(func(f *frame) bool {
		q.lose(f)
		lost = append(lost, f)
		return false
	})
	return lost
}

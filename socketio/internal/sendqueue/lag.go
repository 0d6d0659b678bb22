package sendqueue

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/internal/backlog"
)

// lagging is how much waits for a connection before it is behind even if nobody has
// seen it blocked. Connections that only wait for a processor have less.
const lagging = 128 << 10

// lag is what is known of a connection while it is behind: while its socket's buffer is
// full, or much waits for it. Most connections never are, and have none.
type lag struct {
	scheduler  *Scheduler
	of         laggard
	since      time.Time
	window     backlog.Window
	giant      *Frame // the first in the queue that is longer than the soft bound
	unreported int64  // memory that is not in the scheduler's sum yet, or not taken off

	// Guarded by the lock of the scheduler's lags.
	length     int8 // of the queue, see lengthOf
	prev, next *lag
}

// laggard is what a lag is of: a [Queue] or an [Account].
type laggard interface {
	cutIfStuck(now time.Time) // cuts it if it makes too little progress
	cutForMemory()            // cuts it because all hold too much: then it holds nothing
}

// lags are all of a scheduler, by the lengths of their queues. So those with the
// longest ones are found without looking at the others.
type lags struct {
	held      atomic.Int64 // memory in their queues
	enforcing atomic.Bool  // a goroutine is in enforceTotal

	mu       sync.Mutex
	byLength [lengths]*lag // the first of each length
	watching bool          // a timer for those over the soft bound is set
}

// lengths is how many there are: powers of two from 64 KiB on.
const lengths = 48

// lengthOf is the class that a queue of so many bytes is in.
func lengthOf(bytes int) int8 { return int8(min(bits.Len(uint(bytes)>>16), lengths-1)) }

// length is what counts for the bounds of one connection: bytes that wait, frames,
// and their places in the queue.
func (q *Queue) length() int { return q.waiting + q.frames.len()*(frameSize+placeSize) }

// fallBehind begins the time in which the connection is behind. All that waits
// counts from now on.
func (q *Queue) fallBehind() {
	q.lag = &lag{scheduler: q.scheduler, of: q, since: time.Now(), length: -1}
	for i := range q.frames.len() {
		q.lag.came(q.frames.at(i))
	}
	q.scheduler.lags.move(q.lag, lengthOf(q.length()))
}

// catchUp ends it.
func (q *Queue) catchUp() {
	for i := range q.frames.len() {
		q.lag.gone(q.frames.at(i))
	}
	q.lag.report()
	q.scheduler.lags.move(q.lag, -1)
	q.lag = nil
}

// grown counts a frame that was added, to a connection that is behind or is now.
func (q *Queue) grown(f *Frame) {
	if q.lag == nil {
		q.fallBehind()
		return
	}
	q.lag.came(f)
	q.moveLag()
}

// shrunk counts bytes that were written.
func (q *Queue) shrunk(bytes int) {
	q.lag.window.Took(bytes)
	// One that is blocked is behind until it has taken all that it can be sent.
	if q.state != blocked && q.length() < q.scheduler.behindAt/2 {
		q.catchUp()
		return
	}
	q.moveLag()
}

func (q *Queue) moveLag() {
	if length := lengthOf(q.length()); length != q.lag.length {
		q.scheduler.lags.move(q.lag, length)
	}
}

// came counts a frame that is in the queue.
func (l *lag) came(f *Frame) {
	s := l.scheduler
	if l.giant == nil && len(f.bytes) > s.limits.Soft {
		l.giant = f
	}
	bytes := int64(placeSize)
	if f.holders.Add(1) == 1 {
		bytes += s.share(f)
	}
	l.hold(bytes)
}

// gone counts one that is not any more.
func (l *lag) gone(f *Frame) {
	s := l.scheduler
	if l.giant == f {
		l.giant = nil
	}
	bytes := int64(placeSize)
	if f.holders.Add(-1) == 0 {
		bytes += s.share(f)
	}
	l.hold(-bytes)
}

// hold counts memory, and tells the scheduler when it is worth it: all connections that
// are behind add to the same sum.
func (l *lag) hold(bytes int64) {
	const worth = 1 << 10
	if l.unreported += bytes; l.unreported >= worth || l.unreported <= -worth {
		l.report()
	}
}

func (l *lag) report() {
	l.scheduler.lags.held.Add(l.unreported)
	l.unreported = 0
}

// share is what a frame counts for in the total: no more than half of that, or one
// that is longer would cost everybody who gets it the connection.
func (s *Scheduler) share(f *Frame) int64 { return min(f.size(), s.total/2) }

// full tells whether more waits than may.
func (q *Queue) full() bool {
	giant := 0
	if f := q.lag.giant; f != nil {
		if giant = len(f.bytes); f == q.frames.at(0) {
			giant -= q.offset
		}
	}
	return q.scheduler.limits.Full(q.length(), giant)
}

// cut ends a connection that is too slow.
func (q *Queue) cut(reason backlog.Reason) error {
	err := &backlog.Error{Reason: reason, Bytes: q.length(), Messages: q.frames.len()}
	if q.lag != nil {
		err.Behind = time.Since(q.lag.since)
	}
	q.scheduler.stats.cut[reason].Add(1)
	q.fail(err)
	return err
}

// move puts a lag among those of its length now; -1: among none. Its queue is locked.
func (s *lags) move(l *lag, length int8) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.length >= 0 {
		if l.prev != nil {
			l.prev.next = l.next
		} else {
			s.byLength[l.length] = l.next
		}
		if l.next != nil {
			l.next.prev = l.prev
		}
		l.prev, l.next = nil, nil
	}
	if l.length = length; length < 0 {
		return
	}
	if l.next = s.byLength[length]; l.next != nil {
		l.next.prev = l
	}
	s.byLength[length] = l
	l.scheduler.watchProgress(length)
}

// watchProgress starts the timer of checkProgress once connections may be over the
// soft bound. The lags are locked.
func (s *Scheduler) watchProgress(length int8) {
	if length < lengthOf(s.limits.Soft) || s.lags.watching {
		return
	}
	s.lags.watching = true
	time.AfterFunc(s.limits.Grace/10, s.checkProgress)
}

// checkProgress cuts the connections over the soft bound that have made no progress,
// and calls itself again later while there are any.
func (s *Scheduler) checkProgress() {
	all := &s.lags
	var found []laggard
	all.mu.Lock()
	for _, l := range all.byLength[lengthOf(s.limits.Soft):] {
		for ; l != nil; l = l.next {
			found = append(found, l.of)
		}
	}
	all.watching = len(found) > 0
	all.mu.Unlock()
	if len(found) == 0 {
		return
	}
	now := time.Now()
	for _, q := range found {
		q.cutIfStuck(now)
	}
	time.AfterFunc(s.limits.Grace/10, s.checkProgress)
}

func (q *Queue) cutIfStuck(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	// One that is being closed has a deadline.
	if q.lag != nil && q.ending == open && q.lag.window.TooSlow(&q.scheduler.limits, q.length(), 0, now) {
		_ = q.cut(backlog.NoProgress)
	}
}

// enforceTotal cuts connections, those with the longest queues first, until all queues
// together hold no more than Config.Total. The caller holds no queue's lock.
func (s *Scheduler) enforceTotal() {
	all := &s.lags
	if all.held.Load() <= s.total || !all.enforcing.CompareAndSwap(false, true) {
		return
	}
	defer all.enforcing.Store(false)
	for all.held.Load() > s.total {
		q := all.longest()
		if q == nil {
			return
		}
		q.cutForMemory()
	}
}

func (q *Queue) cutForMemory() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ending != closed && q.lag != nil {
		_ = q.cut(backlog.Memory)
	}
}

// longest finds one of those with the longest queues, but for a factor of two.
func (s *lags) longest() laggard {
	s.mu.Lock()
	defer s.mu.Unlock()
	for length := lengths - 1; length >= 0; length-- {
		if l := s.byLength[length]; l != nil {
			return l.of
		}
	}
	return nil
}

package sendqueue

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/internal/backlog"
)

// lagging is how many bytes wait for a connection that is behind, even if its socket did
// not block. A connection that only waits for a processor has fewer.
const lagging = 128 << 10

// lag is the state of a connection that is behind: its socket's buffer is full, or much
// waits for it. Most connections are never behind, and have no lag.
type lag struct {
	scheduler  *Scheduler
	of         laggard
	since      time.Time
	window     backlog.Window
	giant      *Frame // the first frame in the queue that is longer than the soft limit
	unreported int64  // difference to the memory that the scheduler's sum includes

	// Guarded by the lock of the scheduler's lags.
	length     int8 // class of the queue's length, see lengthOf
	prev, next *lag
}

// laggard has a lag: it is a [Queue] or an [Account].
type laggard interface {
	cutIfStuck(now time.Time) // disconnects if it makes too little progress
	cutForMemory()            // disconnects because all together hold too much; it holds nothing then
}

// lags are the lags of a scheduler, in lists by the length of their queues. So those with
// the longest queues are found without looking at the others.
type lags struct {
	held      atomic.Int64 // memory in their queues
	enforcing atomic.Bool  // a goroutine is in enforceTotal

	mu       sync.Mutex
	byLength [lengths]*lag // the first lag of each length
	watching bool          // the timer of checkProgress is set
}

// lengths is the number of length classes: powers of two from 64 KiB on.
const lengths = 48

// lengthOf returns the class of a queue with so many bytes.
func lengthOf(bytes int) int8 { return int8(min(bits.Len(uint(bytes)>>16), lengths-1)) }

// length returns what counts for the limits of one connection: bytes that wait, frames, and
// their places in the queue.
func (q *Queue) length() int { return q.waiting + q.frames.len()*(frameSize+placeSize) }

// fallBehind gives the connection a lag: it is behind. Everything that waits for it counts
// from now on.
func (q *Queue) fallBehind() {
	q.lag = &lag{scheduler: q.scheduler, of: q, since: time.Now(), length: -1}
	for i := range q.frames.len() {
		q.lag.came(q.frames.at(i))
	}
	q.scheduler.lags.move(q.lag, lengthOf(q.length()))
}

// catchUp removes the lag.
func (q *Queue) catchUp() {
	for i := range q.frames.len() {
		q.lag.gone(q.frames.at(i))
	}
	q.lag.report()
	q.scheduler.lags.move(q.lag, -1)
	q.lag = nil
}

// grown counts a frame that was added, if the connection is behind or is so now.
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
	// A blocked connection stays behind until everything that may be sent is written.
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

// came counts a frame that was added to the queue.
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

// gone counts a frame that was removed from the queue.
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

// hold counts memory. It updates the scheduler's sum, which all connections that are behind
// share, only when enough has come together.
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

// share returns what a frame counts for in the total: at most half of the total, because a
// longer frame would disconnect all who get it.
func (s *Scheduler) share(f *Frame) int64 { return min(f.size(), s.total/2) }

// full reports whether the hard limit is exceeded.
func (q *Queue) full() bool {
	giant := 0
	if f := q.lag.giant; f != nil {
		if giant = len(f.bytes); f == q.frames.at(0) {
			giant -= q.offset
		}
	}
	return q.scheduler.limits.Full(q.length(), giant)
}

// cut disconnects a connection that is too slow.
func (q *Queue) cut(reason backlog.Reason) error {
	err := &backlog.Error{Reason: reason, Bytes: q.length(), Messages: q.frames.len()}
	if q.lag != nil {
		err.Behind = time.Since(q.lag.since)
	}
	q.scheduler.stats.cut[reason].Add(1)
	q.fail(err)
	return err
}

// move puts a lag into the list of its length class, or into none if that is -1. Its queue
// is locked.
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

// watchProgress starts the timer of checkProgress when a connection may be over the soft
// limit. The lags are locked.
func (s *Scheduler) watchProgress(length int8) {
	if length < lengthOf(s.limits.Soft) || s.lags.watching {
		return
	}
	s.lags.watching = true
	time.AfterFunc(s.limits.Grace/10, s.checkProgress)
}

// checkProgress disconnects connections over the soft limit that make too little progress,
// and runs again later while there are connections over it.
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
	// A connection that is being closed has a deadline.
	if q.lag != nil && q.ending == open && q.lag.window.TooSlow(&q.scheduler.limits, q.length(), 0, now) {
		_ = q.cut(backlog.NoProgress)
	}
}

// enforceTotal disconnects connections, those with the longest queues first, until all
// queues together hold no more than Config.Total. The caller holds no queue's lock.
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

// longest returns one of the laggards with the longest queues, within a factor of two.
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

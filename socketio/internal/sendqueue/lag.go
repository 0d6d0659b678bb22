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

// lag is what is known of a connection while it is behind: while it does not take
// what it is given, or much waits for it. Most connections never are, and have none.
type lag struct {
	scheduler *Scheduler
	of        debtor
	since     time.Time
	window    backlog.Window
	giant     *Frame // the first in the queue that is longer than the soft bound
	untold    int64  // memory that is not in the scheduler's sum yet, or not taken off

	// Guarded by the lock of the scheduler's lags.
	length     int8 // of the queue, see lengthOf
	prev, next *lag
}

// debtor is what a lag is of: a [Queue] or an [Account].
type debtor interface {
	judge(now time.Time) // cuts it if it makes too little progress
	relieve()            // cuts it because all hold too much: then it holds nothing
}

// lags are all of a scheduler, by the lengths of their queues. So those with the
// longest ones are found without looking at the others.
type lags struct {
	held      atomic.Int64 // memory in their queues
	relieving atomic.Bool  // somebody makes them hold less

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
func (b *Queue) length() int { return b.waiting + b.queue.len()*(frameSize+placeSize) }

// fallBehind begins the time in which the connection is behind. All that waits
// counts from now on.
func (b *Queue) fallBehind() {
	b.lag = &lag{scheduler: b.scheduler, of: b, since: time.Now(), length: -1}
	for i := range b.queue.len() {
		b.lag.came(b.queue.at(i))
	}
	b.scheduler.lags.move(b.lag, lengthOf(b.length()))
}

// catchUp ends it.
func (b *Queue) catchUp() {
	for i := range b.queue.len() {
		b.lag.gone(b.queue.at(i))
	}
	b.lag.tell()
	b.scheduler.lags.move(b.lag, -1)
	b.lag = nil
}

// grown notes a frame that was added, to a connection that is behind or is now.
func (b *Queue) grown(f *Frame) {
	if b.lag == nil {
		b.fallBehind()
		return
	}
	b.lag.came(f)
	b.moveLag()
}

// shrunk notes that so many bytes were taken.
func (b *Queue) shrunk(bytes int) {
	b.lag.window.Took(bytes)
	// One that is blocked is behind until it has taken all that it can be sent.
	if b.state != blocked && b.length() < b.scheduler.behindAt/2 {
		b.catchUp()
		return
	}
	b.moveLag()
}

func (b *Queue) moveLag() {
	if length := lengthOf(b.length()); length != b.lag.length {
		b.scheduler.lags.move(b.lag, length)
	}
}

// came counts a frame that is in the queue.
func (l *lag) came(f *Frame) {
	o := l.scheduler
	if l.giant == nil && len(f.bytes) > o.limits.Soft {
		l.giant = f
	}
	bytes := int64(placeSize)
	if f.holders.Add(1) == 1 {
		bytes += o.share(f)
	}
	l.hold(bytes)
}

// gone counts one that is not any more.
func (l *lag) gone(f *Frame) {
	o := l.scheduler
	if l.giant == f {
		l.giant = nil
	}
	bytes := int64(placeSize)
	if f.holders.Add(-1) == 0 {
		bytes += o.share(f)
	}
	l.hold(-bytes)
}

// hold counts memory, and tells the scheduler when it is worth it: all connections that
// are behind add to the same sum.
func (l *lag) hold(bytes int64) {
	const worth = 1 << 10
	if l.untold += bytes; l.untold >= worth || l.untold <= -worth {
		l.tell()
	}
}

func (l *lag) tell() {
	l.scheduler.lags.held.Add(l.untold)
	l.untold = 0
}

// share is what a frame counts for in the total: no more than half of that, or one
// that is longer would cost everybody who gets it the connection.
func (o *Scheduler) share(f *Frame) int64 { return min(f.size(), o.total/2) }

// full tells whether more waits than may.
func (b *Queue) full() bool {
	giant := 0
	if f := b.lag.giant; f != nil {
		if giant = len(f.bytes); f == b.queue.at(0) {
			giant -= b.offset
		}
	}
	return b.scheduler.limits.Full(b.length(), giant)
}

// cut ends a connection that is too slow.
func (b *Queue) cut(reason backlog.Reason) error {
	err := &backlog.Error{Reason: reason, Bytes: b.length(), Messages: b.queue.len()}
	if b.lag != nil {
		err.Behind = time.Since(b.lag.since)
	}
	b.scheduler.stats.cut[reason].Add(1)
	b.fail(err)
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
	l.scheduler.watch(length)
}

// watch sees that somebody looks after connections over the soft bound, once there
// may be any. The lags are locked.
func (o *Scheduler) watch(length int8) {
	if length < lengthOf(o.limits.Soft) || o.lags.watching {
		return
	}
	o.lags.watching = true
	time.AfterFunc(o.limits.Grace/10, o.look)
}

// look cuts those that have made no progress.
func (o *Scheduler) look() {
	s := &o.lags
	var found []debtor
	s.mu.Lock()
	for _, l := range s.byLength[lengthOf(o.limits.Soft):] {
		for ; l != nil; l = l.next {
			found = append(found, l.of)
		}
	}
	s.watching = len(found) > 0
	s.mu.Unlock()
	if len(found) == 0 {
		return
	}
	now := time.Now()
	for _, b := range found {
		b.judge(now)
	}
	time.AfterFunc(o.limits.Grace/10, o.look)
}

func (b *Queue) judge(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	// One that is being closed has a deadline.
	if b.lag != nil && b.ending == open && b.lag.window.TooSlow(&b.scheduler.limits, b.length(), 0, now) {
		_ = b.cut(backlog.NoProgress)
	}
}

// relieve cuts connections, those with the longest queues first, until all queues
// hold no more than they may. No queue is locked.
func (o *Scheduler) relieve() {
	s := &o.lags
	if s.held.Load() <= o.total || !s.relieving.CompareAndSwap(false, true) {
		return
	}
	defer s.relieving.Store(false)
	for s.held.Load() > o.total {
		b := s.longest()
		if b == nil {
			return
		}
		b.relieve()
	}
}

func (b *Queue) relieve() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ending != closed && b.lag != nil {
		_ = b.cut(backlog.Memory)
	}
}

// longest finds one with the longest queue, but for a factor of two.
func (s *lags) longest() debtor {
	s.mu.Lock()
	defer s.mu.Unlock()
	for length := lengths - 1; length >= 0; length-- {
		if l := s.byLength[length]; l != nil {
			return l.of
		}
	}
	return nil
}

package admission

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// DefaultMax is how many clients may be at a gate, connecting and waiting. One processor
// admits so many in about four seconds.
const DefaultMax = 8192

const (
	// period is the time between two measurements of how late the process is.
	period = 20 * time.Millisecond
	// tolerable is how late the process may be. For one pong, goroutines wait two or three
	// times.
	tolerable = 50 * time.Millisecond
	// patience is how long a client waits before it gives up by itself: 20 s, the default
	// of Socket.IO's clients. After that its handshake would be of no use.
	patience = 20 * time.Second
	// fresh is how long the first client in line may have waited while turns go in order.
	// If it has waited for longer, more clients come than can be admitted, and those that
	// have waited longest are about to give up, or have done so unnoticed: to admit them
	// would be of no use for as long as the storm lasts. So the newest is next.
	fresh = patience / 4
	// slotTime is how long a handshake counts as working without a step. So a client that
	// opens a connection and then sends nothing does not take another's place for longer.
	slotTime = 2 * time.Second
	// perProcessor is the least number of handshakes that may work at a time for each
	// processor, however late the process is, and startPerProcessor their number at first.
	perProcessor      = 16
	startPerProcessor = 64
)

var (
	// ErrFull says that Config.Max clients are at the gate already.
	ErrFull = errors.New("too many clients connect at once")
	// ErrTooLong says that a client was not admitted within the time that clients wait.
	ErrTooLong = errors.New("the client has waited for too long")
)

// Config configures a [Gate].
type Config struct {
	// Max is how many clients may be at the gate, working and in line. Default:
	// [DefaultMax].
	Max int
	// Refused is called, without locks, for each client that is refused, with the reason,
	// [ErrFull] or [ErrTooLong]. It may be nil.
	Refused func(error, Stats)
}

// Gate admits the clients of one process. A nil Gate admits every client at once.
type Gate struct {
	config   Config
	floor    int
	start    int
	measure  func() time.Duration // returns how long a goroutine waits for a processor
	patience time.Duration

	mu        sync.Mutex
	limit     int // how many handshakes may be working
	threshold int // above it the limit grows slowly
	working   list
	line      list
	measuring bool
	due       time.Time // time of the next measurement
	late      time.Duration
	waits     int64
	waited    time.Duration
	refused   int64
}

// Stats is a snapshot of a gate.
type Stats struct {
	Working int           // handshakes that are working now
	Waiting int           // clients that wait for their turn
	Limit   int           // how many handshakes may be working now
	Late    time.Duration // how late the process was at the last measurement
	Waits   int64         // clients that had to wait and were admitted
	Waited  time.Duration // the sum of their waiting times
	Refused int64         // clients that were refused
}

// New makes a gate.
func New(cfg Config) *Gate {
	cfg.Max = cmp.Or(cfg.Max, DefaultMax)
	processors := runtime.GOMAXPROCS(0)
	g := &Gate{config: cfg, measure: queued, patience: patience}
	g.floor = min(processors*perProcessor, cfg.Max)
	g.start = min(processors*startPerProcessor, cfg.Max)
	g.reset()
	return g
}

// queued measures how long a runnable goroutine waits for a processor: its own goroutine
// goes to the end of the run queue, where the goroutines of readable connections are, too.
func queued() time.Duration {
	began := time.Now()
	runtime.Gosched()
	return time.Since(began)
}

// reset forgets what was learned while many clients came.
func (g *Gate) reset() { g.limit, g.threshold, g.late = g.start, g.config.Max, 0 }

// Enter returns when the client is admitted: at once, if the limit allows it, else in the
// order in which clients came, but the newest first while the first in line has waited
// longer than fresh. The error is [ErrFull], [ErrTooLong] or the context's.
func (g *Gate) Enter(ctx context.Context) (*Ticket, error) {
	if g == nil {
		return nil, nil
	}
	g.mu.Lock()
	if g.working.n < g.limit && g.line.n == 0 {
		t := &Ticket{gate: g}
		g.work(t)
		g.mu.Unlock()
		return t, nil
	}
	if g.working.n+g.line.n >= g.config.Max {
		return nil, g.refuse(ErrFull)
	}
	t := &Ticket{gate: g, turn: make(chan struct{}), since: time.Now()}
	g.line.push(t)
	g.keepMeasuring()
	g.mu.Unlock()
	if err := g.await(ctx, t); err != nil {
		return nil, err
	}
	return t, nil
}

// await waits for a ticket's turn.
func (g *Gate) await(ctx context.Context, t *Ticket) error {
	timer := time.NewTimer(g.patience)
	defer timer.Stop()
	var reason error
	select {
	case <-t.turn:
		return t.stillWanted(ctx)
	case <-ctx.Done():
		reason = context.Cause(ctx)
	case <-timer.C:
		reason = ErrTooLong
	}
	g.mu.Lock()
	if t.list != &g.line { // its turn has come meanwhile
		g.mu.Unlock()
		return t.stillWanted(ctx)
	}
	t.list.remove(t)
	if errors.Is(reason, ErrTooLong) {
		return g.refuse(reason)
	}
	g.mu.Unlock()
	return reason
}

// refuse counts a client that is not admitted. It is called with the lock held, and
// unlocks.
func (g *Gate) refuse(reason error) error {
	g.refused++
	stats := g.stats()
	g.mu.Unlock()
	if g.config.Refused != nil {
		g.config.Refused(reason, stats)
	}
	return reason
}

// Pass is for another handshake of a client that is connected: it never waits, but counts
// as working, so that fewer new clients are admitted.
func (g *Gate) Pass() *Ticket {
	if g == nil {
		return nil
	}
	t := &Ticket{gate: g}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.work(t)
	return t
}

// work adds a ticket to those that are working.
func (g *Gate) work(t *Ticket) {
	t.since = time.Now()
	g.working.push(t)
	g.keepMeasuring()
}

// next admits clients up to the limit.
func (g *Gate) next() {
	for g.working.n < g.limit && g.line.n > 0 {
		t := g.line.first()
		if time.Since(t.since) > fresh {
			t = g.line.last()
		}
		g.line.remove(t)
		g.waits++
		g.waited += time.Since(t.since)
		g.work(t)
		close(t.turn)
	}
}

// keepMeasuring schedules the next measurement, unless one is scheduled.
func (g *Gate) keepMeasuring() {
	if g.measuring {
		return
	}
	g.measuring = true
	g.due = time.Now().Add(period)
	time.AfterFunc(period, g.look)
}

// look measures how late the process is, and adapts the limit.
func (g *Gate) look() {
	late := g.measure()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.late = max(time.Since(g.due), late)
	g.forget(time.Now().Add(-slotTime))
	g.adapt()
	g.next()
	g.measuring = false
	if g.working.n+g.line.n > 0 {
		g.keepMeasuring()
		return
	}
	g.reset()
}

// forget removes handshakes that have made no step since before: they wait for something
// other than a processor.
func (g *Gate) forget(before time.Time) {
	for g.working.n > 0 && g.working.first().since.Before(before) {
		g.working.remove(g.working.first())
	}
}

// adapt changes the limit: it halves it when the process is late, as TCP does when packets
// are lost. It raises it while clients wait: fast at first, and slowly above the threshold
// that the last cut has set.
func (g *Gate) adapt() {
	switch {
	case g.late > tolerable && g.working.n > g.limit: // the last cut has not taken effect yet
	case g.late > tolerable:
		g.limit = max(min(g.limit, g.working.n)/2, g.floor)
		g.threshold = g.limit
	case g.line.n == 0: // nobody waits for a higher limit
	case g.limit < g.threshold:
		g.limit = min(g.limit+g.limit/4+1, g.config.Max)
	default:
		g.limit = min(g.limit+g.floor/8+1, g.config.Max)
	}
}

// Stats returns a snapshot.
func (g *Gate) Stats() Stats {
	if g == nil {
		return Stats{}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stats()
}

func (g *Gate) stats() Stats {
	return Stats{Working: g.working.n, Waiting: g.line.n, Limit: g.limit, Late: g.late, Waits: g.waits, Waited: g.waited, Refused: g.refused}
}

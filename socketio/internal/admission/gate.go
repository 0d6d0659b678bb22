package admission

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// DefaultMax is how many may be at a gate. One processor lets in so many in about four
// seconds.
const DefaultMax = 8192

const (
	// period is how often it is measured how late the process is.
	period = 20 * time.Millisecond
	// tolerable is how late it may be. A pong waits for a goroutine two or three times.
	tolerable = 50 * time.Millisecond
	// patience is how long a client waits before it gives up by itself: 20 s, the default of
	// Socket.IO's clients. After that its handshake would be work for nobody.
	patience = 20 * time.Second
	// fresh is how long the first in line may have waited while turns go in order. Then more
	// come than can be let in, and whoever has waited longest gives up next, or has done so
	// unnoticed: to let those in would be work for nobody, as long as the storm lasts. So
	// the newest is the next.
	fresh = patience / 4
	// slotTime is how long a handshake may be at work without a step. A client that opens
	// a connection and then says nothing takes nobody's place for longer.
	slotTime = 2 * time.Second
	// perProcessor is how many handshakes are at work for each processor, however late the
	// process is, and startPerProcessor how many are at first.
	perProcessor      = 16
	startPerProcessor = 64
)

var (
	// ErrFull: as many as may be at the gate are there already.
	ErrFull = errors.New("too many clients connect at once")
	// ErrTooLong: others were let in for as long as a client waits.
	ErrTooLong = errors.New("the client has waited for too long")
)

// Config is what a [Gate] is set up with.
type Config struct {
	// Max is how many may be at the gate, at work and in line. Default: [DefaultMax].
	Max int
	// Refused is told, without locks, of each that is not let in for this reason:
	// [ErrFull] or [ErrTooLong]. It may be nil.
	Refused func(error, Stats)
}

// Gate is where the clients of one process are let in. A nil Gate lets everybody in at
// once.
type Gate struct {
	config   Config
	floor    int
	start    int
	measure  func() time.Duration // for how long a goroutine waits for a processor
	patience time.Duration

	mu        sync.Mutex
	limit     int // how many may be at work
	threshold int // beyond it the limit grows slowly
	working   list
	line      list
	measuring bool
	due       time.Time // of the next measurement
	late      time.Duration
	waits     int64
	waited    time.Duration
	refused   int64
}

// Stats is a snapshot of a gate.
type Stats struct {
	Working int           // handshakes that are at work now
	Waiting int           // that wait for their turn
	Limit   int           // how many may be at work now
	Late    time.Duration // how late the process was last
	Waits   int64         // handshakes that have waited for their turn and got it
	Waited  time.Duration // how long they did, all together
	Refused int64         // that were not let in
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

// queued is how long a goroutine that can run waits for a processor: the calling one goes to
// the end of the queue that goroutines whose connection has something are in, too.
func queued() time.Duration {
	began := time.Now()
	runtime.Gosched()
	return time.Since(began)
}

// reset forgets what was learned of a time in which many came.
func (g *Gate) reset() { g.limit, g.threshold, g.late = g.start, g.config.Max, 0 }

// Enter returns when the client may be let in: at once, if there is time for it, else in the
// order in which they came, and the newest first while some have waited for too long for
// that. The error is [ErrFull], [ErrTooLong] or the context's.
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
	if t.list != &g.line { // its turn came meanwhile
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

// refuse counts a client that is not let in. It is called with the lock, and unlocks.
func (g *Gate) refuse(reason error) error {
	g.refused++
	stats := g.stats()
	g.mu.Unlock()
	if g.config.Refused != nil {
		g.config.Refused(reason, stats)
	}
	return reason
}

// Pass is for a handshake of a client that is in already: it does not wait, and others let
// it go first.
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

// work puts a ticket among those that are at work.
func (g *Gate) work(t *Ticket) {
	t.since = time.Now()
	g.working.push(t)
	g.keepMeasuring()
}

// next lets those in whose turn it is.
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

// keepMeasuring has the gate measure for as long as there is somebody at it.
func (g *Gate) keepMeasuring() {
	if g.measuring {
		return
	}
	g.measuring = true
	g.due = time.Now().Add(period)
	time.AfterFunc(period, g.look)
}

// look measures how late the process is, and lets more in, or fewer.
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

// forget takes those off the work that have made no step for too long: they wait for
// something that is not a processor.
func (g *Gate) forget(before time.Time) {
	for g.working.n > 0 && g.working.first().since.Before(before) {
		g.working.remove(g.working.first())
	}
}

// adapt changes how many may be at work: by half when the process is late, as TCP does when
// the network is. It grows while others wait: fast at first, and slowly when it was too much
// once.
func (g *Gate) adapt() {
	switch {
	case g.late > tolerable && g.working.n > g.limit: // the last cut does not show yet
	case g.late > tolerable:
		g.limit = max(min(g.limit, g.working.n)/2, g.floor)
		g.threshold = g.limit
	case g.line.n == 0: // the limit is not what they wait for
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

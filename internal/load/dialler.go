package load

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// dialBatch is how many connections are begun before the swarm reads what has arrived.
const dialBatch = 128

// maxAttempts is how often a session tries to connect.
const maxAttempts = 5

var (
	errStalled     = errors.New("nothing came for too long")
	errUnavailable = errors.New("the server lets nobody in for now")
)

// dialler connects the sessions.
type dialler struct {
	on      bool
	next    int        // index of the next session to dial
	again   []*session // sessions that failed and are dialled again
	later   returns    // sessions that failed and are dialled again at a given time
	pending []*session // sessions that are connecting, and some that have finished
	open    int        // number of sessions that are connecting
	begun   int64      // when it was switched on
	dialled int        // number of connections begun since
	checked int64      // when pending was last checked
}

// step dials as many sessions as may be dialled now, and returns when to call it again.
func (d *dialler) step(w *Swarm) int64 {
	if !d.on {
		return never
	}
	d.sweep(w)
	for begun := 0; d.open < w.plan.InFlight; begun++ {
		if begun == dialBatch {
			return w.now // at once, after the swarm has read what has arrived
		}
		if due := d.due(w); due > w.now {
			return due
		}
		s := d.take(w)
		if s == nil {
			break
		}
		d.dialled++
		d.open++
		d.pending = append(d.pending, s)
		if s.since == 0 {
			s.since = w.now
		}
		s.deadline = w.now + int64(w.plan.ConnectTimeout)
		w.dial(s)
	}
	if d.over(w) {
		d.on = false
		return never
	}
	return w.now + int64(50*time.Millisecond)
}

// due returns when the next connection may be begun.
func (d *dialler) due(w *Swarm) int64 {
	if w.plan.ConnectRate <= 0 {
		return 0
	}
	return d.begun + int64(float64(d.dialled)/w.plan.ConnectRate*float64(time.Second))
}

func (d *dialler) take(w *Swarm) *session {
	if s := d.later.take(w.now); s != nil {
		return s
	}
	if n := len(d.again); n > 0 {
		s := d.again[n-1]
		d.again = d.again[:n-1]
		return s
	}
	if d.next == len(w.sessions) {
		return nil
	}
	d.next++
	return &w.sessions[d.next-1]
}

func (d *dialler) over(w *Swarm) bool {
	return d.next == len(w.sessions) && len(d.again) == 0 && len(d.later) == 0 && d.open == 0
}

// sweep removes sessions that are done from pending, and gives up those that take too
// long.
func (d *dialler) sweep(w *Swarm) {
	if w.now-d.checked <= int64(50*time.Millisecond) {
		return
	}
	d.checked = w.now
	left := d.pending[:0]
	for _, s := range d.pending {
		switch {
		case s.phase == ready || s.phase == idle:
			continue
		case w.now > s.deadline:
			w.tally.Stalled++
			w.drop(s, errStalled)
			continue
		}
		left = append(left, s)
	}
	d.pending = left
}

// dial begins the connection of a session, or its second one if it upgrades.
func (w *Swarm) dial(s *session) {
	s.phase = dialling
	if err := w.wire.dial(s, w.target(s).address, w.source(s)); err != nil {
		w.fail(s, err)
	}
}

// drop ends the connection of a session.
func (w *Swarm) drop(s *session, err error) {
	w.wire.hangUp(s)
	w.ended(s, err)
}

// ended is called when the connection of s has ended.
func (w *Swarm) ended(s *session, err error) {
	if s.phase == ready {
		w.tally.Closed++
		w.tally.noteReason(err)
		w.prober.left(s)
		w.tally.LastError = fmt.Sprintf("client %d: %v", w.plan.First+int(s.index), err)
		w.tally.Ready--
		w.reset(s)
		return
	}
	w.fail(s, err)
}

// fail makes a session try again, unless it has failed too often.
func (w *Swarm) fail(s *session, err error) {
	w.tally.LastError = fmt.Sprintf("client %d: %s: %v", w.plan.First+int(s.index), s.phase, err)
	if errors.Is(err, errUnavailable) {
		w.tally.Refused++
	}
	w.reset(s)
	w.dialler.open--
	s.failed = min(s.failed, maxAttempts) + 1
	if w.plan.Returning {
		w.tally.Retried++
		w.dialler.later.add(s, w.now+int64(returnDelay(int(s.failed)-1)))
		return
	}
	if s.failed < maxAttempts && !errors.Is(err, net.ErrClosed) {
		w.tally.Retried++
		w.dialler.again = append(w.dialler.again, s)
		return
	}
	w.tally.Failed++
}

func (w *Swarm) reset(s *session) {
	*s = session{index: s.index, failed: s.failed, since: s.since}
}

var phaseNames = [...]string{
	idle: "not connected", dialling: "connecting over TCP", asking: "asking for a session by polling", posting: "opening the namespace by polling",
	polling: "polling", upgrading: "asking for a WebSocket", opening: "waiting for the engine's handshake", probing: "upgrading",
	connecting: "opening the namespace", joining: "joining rooms", ready: "connected",
}

// String describes the phase, for messages.
func (p phase) String() string { return phaseNames[p] }

package load

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// maxAttempts is how often a session tries to connect.
const maxAttempts = 5

var errStalled = errors.New("nothing came for too long")

// dialler connects the sessions.
type dialler struct {
	on      bool
	next    int        // sessions before it have been dialled
	again   []*session // have failed, and are dialled again
	pending []*session // are connecting
	begun   int64      // when it was switched on
	dialled int        // connections begun since
	checked int64      // when pending was looked through
}

// step dials as many as may be dialled now, and tells when to look again.
func (d *dialler) step(w *Swarm) int64 {
	if !d.on {
		return never
	}
	d.sweep(w)
	for len(d.pending) < w.plan.InFlight {
		if due := d.due(w); due > w.now {
			return due
		}
		s := d.take(w)
		if s == nil {
			break
		}
		d.dialled++
		d.pending = append(d.pending, s)
		s.deadline = w.now + int64(w.plan.ConnectTimeout)
		w.dial(s)
	}
	if d.over(w) {
		d.on = false
		return never
	}
	return w.now + int64(50*time.Millisecond)
}

// due is when the next connection may be begun.
func (d *dialler) due(w *Swarm) int64 {
	if w.plan.ConnectRate <= 0 {
		return 0
	}
	return d.begun + int64(float64(d.dialled)/w.plan.ConnectRate*float64(time.Second))
}

func (d *dialler) take(w *Swarm) *session {
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
	return d.next == len(w.sessions) && len(d.again) == 0 && len(d.pending) == 0
}

// sweep forgets those that are done, and gives up those that take too long.
func (d *dialler) sweep(w *Swarm) {
	late := w.now-d.checked > int64(50*time.Millisecond)
	if len(d.pending) < w.plan.InFlight && !late {
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

// dial begins the connection, or the second one of a session that upgrades.
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

// ended is told that the connection of s is no more.
func (w *Swarm) ended(s *session, err error) {
	if s.phase == ready {
		w.tally.Closed++
		w.tally.LastError = fmt.Sprintf("client %d: %v", w.plan.First+int(s.index), err)
		w.tally.Ready--
		w.reset(s)
		return
	}
	w.fail(s, err)
}

// fail has a session try again, unless it has done so too often.
func (w *Swarm) fail(s *session, err error) {
	w.tally.LastError = fmt.Sprintf("client %d: %s: %v", w.plan.First+int(s.index), s.phase, err)
	w.reset(s)
	s.failed++
	if s.failed < maxAttempts && !errors.Is(err, net.ErrClosed) {
		w.tally.Retried++
		w.dialler.again = append(w.dialler.again, s)
		return
	}
	w.tally.Failed++
}

func (w *Swarm) reset(s *session) {
	*s = session{index: s.index, failed: s.failed}
}

var phaseNames = [...]string{
	idle: "not connected", dialling: "connecting over TCP", asking: "asking for a session by polling", posting: "opening the namespace by polling",
	polling: "polling", upgrading: "asking for a WebSocket", opening: "waiting for the engine's handshake", probing: "upgrading",
	connecting: "opening the namespace", joining: "joining rooms", ready: "connected",
}

// String is what a session does, for messages.
func (p phase) String() string { return phaseNames[p] }

package load

import (
	"encoding/json"
	"errors"
	"time"
)

// heartbeats are the times of the servers' pings, from their handshakes; all servers have
// the same.
type heartbeats struct {
	interval time.Duration // between pings
	timeout  time.Duration // how late a ping may be
	checked  int64
}

const (
	// beatCheck is the interval of the check for missing pings.
	beatCheck = 250 * time.Millisecond
	// beatGrace allows for pings that this process has received and not handled yet.
	beatGrace = time.Second
)

var errNoPing = errors.New("the server's ping did not come in time")

// learn reads the times from a handshake of Engine.IO.
func (h *heartbeats) learn(handshake []byte) {
	var times struct{ PingInterval, PingTimeout int64 }
	if h.interval == 0 && json.Unmarshal(handshake, &times) == nil {
		h.interval = time.Duration(times.PingInterval) * time.Millisecond
		h.timeout = time.Duration(times.PingTimeout) * time.Millisecond
	}
}

// step makes clients give up a server that does not ping, and returns when to call it
// again.
func (h *heartbeats) step(w *Swarm) int64 {
	if !w.plan.Heartbeats || h.interval == 0 {
		return never
	}
	next := h.checked + int64(beatCheck)
	if next > w.now {
		return next
	}
	h.checked = w.now
	latest := w.now - int64(h.interval+h.timeout+beatGrace)
	for i := range w.sessions {
		s := &w.sessions[i]
		// If this process got no processor time for long, the ping may have arrived
		// unread.
		if s.phase == ready && s.heard < latest && !w.wire.unread(s) {
			w.drop(s, errNoPing)
		}
	}
	return w.now + int64(beatCheck)
}

// pinged is called when a ping of a server was received.
func (w *Swarm) pinged(s *session, now int64) {
	w.tally.Pings++
	if w.marks.measuring {
		w.marks.pingLate.Record(time.Duration(now-s.heard) - w.beats.interval)
	}
	s.heard = now
	w.send(s, "3")
}

// AwaitPings returns when every client has received the pings that are due by now, or has
// given its server up.
func (w *Swarm) AwaitPings() error {
	var due int64
	if err := w.call(func() { due = w.clock.now() - int64(w.beats.interval) }); err != nil {
		return err
	}
	_, err := w.wait(forEver, func() bool {
		if w.beats.interval == 0 { // the server has not said in a handshake that it pings
			return true
		}
		for i := range w.sessions {
			if s := &w.sessions[i]; s.phase == ready && s.heard <= due {
				return false
			}
		}
		return true
	})
	return err
}

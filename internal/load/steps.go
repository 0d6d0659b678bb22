package load

import (
	"cmp"
	"fmt"
	"time"

	"github.com/socketmesh/mesh/internal/histogram"
)

const forEver = time.Duration(never)

// Connect connects all clients and makes them join their rooms. It returns when each of
// them is in its rooms or has given up: see the Tally.
func (w *Swarm) Connect() (Tally, error) {
	err := w.call(func() {
		w.dialler.on = true
		w.dialler.begun = w.clock.now()
	})
	if err != nil {
		return Tally{}, err
	}
	within := cmp.Or(w.plan.ConnectWithin, forEver)
	if done, err := w.wait(within, func() bool { return !w.dialler.on }); err != nil {
		return Tally{}, err
	} else if !done {
		if err := w.call(w.giveUp); err != nil {
			return Tally{}, err
		}
	}
	return w.Tally()
}

// giveUp ends connecting: clients that are not in have failed.
func (w *Swarm) giveUp() {
	w.dialler = dialler{next: len(w.sessions)}
	for i := range w.sessions {
		s := &w.sessions[i]
		if s.phase != idle && s.phase != ready {
			w.wire.hangUp(s)
			w.reset(s)
		}
	}
	w.tally.Failed = len(w.sessions) - w.tally.Ready - w.tally.Closed
}

// Settled returns true when every client of this swarm has received messages of every
// publisher in each of its rooms, as happens once all servers are linked; false if that
// takes longer than the timeout.
func (w *Swarm) Settled(timeout time.Duration) (bool, error) {
	return w.wait(timeout, func() bool {
		return w.plan.Publishers == 0 || w.wanted >= w.tally.Ready
	})
}

// Publish makes the publishers of this swarm begin. They go on until Stop.
func (w *Swarm) Publish(pace Pace) error {
	if pace.Window > 1<<16 {
		return fmt.Errorf("window %d: want at most %d", pace.Window, 1<<16)
	}
	return w.call(func() {
		w.countMembers()
		for _, p := range w.publishers {
			p.start(w, pace)
		}
	})
}

// countMembers counts the clients of this swarm that are in each room.
func (w *Swarm) countMembers() {
	clear(w.members)
	for i := range w.sessions {
		if w.sessions[i].phase != ready {
			continue
		}
		for k := range w.plan.RoomsPerClient {
			w.members[w.plan.room(w.plan.First+i, k)]++
		}
	}
}

// Stop stops the publishers, and returns how many messages were sent on each stream.
func (w *Swarm) Stop() (map[uint32]uint32, error) {
	sent := map[uint32]uint32{}
	err := w.call(func() {
		for _, p := range w.publishers {
			p.on = false
			for room, n := range p.sent {
				sent[w.stream(p.number, room)] = n
			}
		}
	})
	return sent, err
}

// Report contains the measurements of a swarm.
type Report struct {
	Begin, End Tally
	Latency    histogram.Histogram // of deliveries between the two
	PingLate   histogram.Histogram // how much later than due the servers' pings came between the two
	Waits      histogram.Histogram // since the beginning: from a client's first attempt until it was in
	Total      Tally               // since the beginning
	Lost       uint64              // messages that clients which are still connected did not receive
	Last       int64               // when the last delivery came
}

// Drain waits until every client has received all messages that were sent, according to
// all Stops, or until nothing has come for the given time; then it reports.
func (w *Swarm) Drain(sent map[uint32]uint32, silence time.Duration) (Report, error) {
	var heard uint64
	since := int64(0)
	until := func() bool {
		if w.tally.Deliveries != heard || since == 0 {
			heard, since = w.tally.Deliveries, w.now
			return false
		}
		return w.now-since > int64(silence) || w.lost(sent) == 0
	}
	if _, err := w.wait(forEver, until); err != nil {
		return Report{}, err
	}
	var r Report
	err := w.call(func() {
		r = Report{Begin: w.marks.begin, End: w.marks.end, Latency: w.marks.latency, PingLate: w.marks.pingLate, Waits: w.waits, Total: w.snapshot(), Lost: w.lost(sent), Last: w.marks.last}
	})
	return r, err
}

// lost counts the messages that clients have not received.
func (w *Swarm) lost(sent map[uint32]uint32) uint64 {
	n := 0
	for i := range w.sessions {
		s := &w.sessions[i]
		if s.phase != ready {
			continue
		}
		for j := range s.checks {
			n += s.checks[j].lost(sent[s.checks[j].stream])
		}
	}
	return uint64(n)
}

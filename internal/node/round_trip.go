package node

import "time"

// pings counts the pings of one link. Answers come in order and carry nothing, so
// counting shows which ping an answer is for. One ping at a time is timed.
type pings struct {
	sent, answered int
	timed          int // number of the ping that is, or was last, timed
	at             time.Time
}

// begin counts a ping that is about to be queued.
func (g *pings) begin(now time.Time) {
	g.sent++
	if g.timed <= g.answered {
		g.timed, g.at = g.sent, now
	}
}

// end counts an answer. It returns how long it took, if this ping was timed.
func (g *pings) end(now time.Time) (took time.Duration, timed bool) {
	if g.answered == g.sent {
		return 0, false // there was no ping
	}
	g.answered++
	return now.Sub(g.at), g.answered == g.timed
}

// roundTrip is how long a peer takes to answer pings.
type roundTrip struct{ last, smoothed time.Duration }

// add updates the smoothed time as TCP does (RFC 6298), by an eighth of the difference.
func (r *roundTrip) add(took time.Duration) {
	r.last = took
	if r.smoothed == 0 {
		r.smoothed = took
		return
	}
	r.smoothed += (took - r.smoothed) / 8
}

// ping queues a ping; p.mu is held.
func (p *peer) ping(l *link) {
	l.pings.begin(time.Now())
	p.control(l, pingFrame)
}

// pong handles the answer to a ping.
func (p *peer) pong(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if took, timed := l.pings.end(time.Now()); timed {
		p.trip.add(took)
	}
}

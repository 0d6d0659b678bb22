package load

import (
	"fmt"
	"strconv"
	"time"

	"github.com/socketmesh/mesh/internal/histogram"
)

// Question is what clients ask, one after the other.
type Question struct {
	// Fetch asks for the number of sockets, which must be Clients of the plan;
	// otherwise a client joins a room it is in, which tells how long an event and
	// its answer take.
	Fetch bool
	// Rate is how many are asked per second. 0: the next one when the answer is
	// there.
	Rate float64
	// Clients is how many clients ask, in turn. 0: all.
	Clients int
	// For is how long they ask, unless StopAsking ends it.
	For time.Duration
}

// Answers is what came of questions.
type Answers struct {
	Latency histogram.Histogram
	Wrong   int // answers with another number
	Missing int // questions without an answer
	CPU     time.Duration
}

// answerTime is how long the last answers are waited for.
const answerTime = 10 * time.Second

// prober asks one question after the other, and times the answers.
type prober struct {
	on      bool
	q       Question
	turn    int
	begun   int64
	until   int64
	asked   int
	waiting int
	answers Answers
}

func (p *prober) start(w *Swarm, q Question) {
	now := w.clock.now()
	*p = prober{on: true, q: q, begun: now, until: now + int64(q.For)}
}

// step asks what is due, and tells when to look again.
func (p *prober) step(w *Swarm) int64 {
	if !p.on {
		return never
	}
	for {
		due := w.now
		if p.q.Rate > 0 {
			due = p.begun + int64(float64(p.asked)/p.q.Rate*float64(time.Second))
		} else if p.waiting > 0 {
			return p.until
		}
		if due >= p.until || w.now >= p.until {
			p.on = false
			return never
		}
		if due > w.now {
			return due
		}
		if !p.ask(w, due) {
			p.asked++ // a turn without a client that is free
			if p.q.Rate <= 0 {
				return w.now + int64(time.Millisecond)
			}
		}
	}
}

// ask has the next client ask. It is false if none is free.
func (p *prober) ask(w *Swarm, due int64) bool {
	n := len(w.sessions)
	if p.q.Clients > 0 {
		n = min(n, p.q.Clients)
	}
	for range n {
		s := &w.sessions[p.turn%n]
		p.turn++
		if s.phase != ready || s.asked != 0 {
			continue
		}
		s.asked = due
		p.asked++
		p.waiting++
		if p.q.Fetch {
			w.send(s, "42"+strconv.Itoa(fetchID)+`["fetch"]`)
		} else {
			w.send(s, "42"+strconv.Itoa(echoID)+joinEvent(w.plan.room(w.plan.First+int(s.index), 0)))
		}
		return true
	}
	return false
}

func (p *prober) answered(w *Swarm, s *session, args []byte, now int64) {
	if s.asked == 0 {
		return
	}
	p.answers.Latency.Record(time.Duration(now - s.asked))
	s.asked = 0
	p.waiting--
	if p.q.Fetch && string(args) != fmt.Sprintf("[%d]", w.plan.Clients) {
		p.answers.Wrong++
	}
}

// left is told that a client is gone, which nobody answers any more.
func (p *prober) left(s *session) {
	if s.asked != 0 {
		p.waiting--
		p.answers.Missing++
	}
}

// Ask has clients ask for a while, and returns when the last answer is there.
func (w *Swarm) Ask(q Question) (Answers, error) {
	var before time.Duration
	if err := w.call(func() {
		before = processCPU()
		w.prober.start(w, q)
	}); err != nil {
		return Answers{}, err
	}
	over := func() bool {
		return !w.prober.on && (w.prober.waiting == 0 || w.now-w.prober.until > int64(answerTime))
	}
	if _, err := w.wait(forEver, over); err != nil {
		return Answers{}, err
	}
	var answers Answers
	err := w.call(func() {
		w.prober.on = false
		answers = w.prober.answers
		answers.Missing += w.prober.waiting
		answers.CPU = processCPU() - before
		for i := range w.sessions {
			w.sessions[i].asked = 0
		}
	})
	return answers, err
}

// StopAsking lets Ask return when the answers to what was asked are there.
func (w *Swarm) StopAsking() error {
	return w.call(func() { w.prober.on, w.prober.until = false, min(w.prober.until, w.clock.now()) })
}

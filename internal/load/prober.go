package load

import (
	"fmt"
	"strconv"
	"time"

	"github.com/socketmesh/mesh/internal/histogram"
)

// Question is a question that clients ask the servers again and again.
type Question struct {
	// Fetch asks for the number of sockets, which must be Clients of the plan; otherwise
	// a client joins a room that it is in already, which measures how long an event and
	// its acknowledgement take.
	Fetch bool
	// Rate is the number of questions per second. 0: the next one when the answer has
	// come.
	Rate float64
	// Clients is how many clients ask, in turn. 0: all.
	Clients int
	// For is how long clients ask, unless StopAsking ends it.
	For time.Duration
}

// Answers are the results of questions.
type Answers struct {
	Latency histogram.Histogram
	Wrong   int // answers with a wrong number
	Missing int // questions without an answer
	CPU     time.Duration
}

// answerTime is how long to wait for the last answers.
const answerTime = 10 * time.Second

// prober asks questions one after the other, and measures the time until their answers.
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

// step asks the questions that are due, and returns when to call it again.
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
			p.asked++ // a turn in which no client is free
			if p.q.Rate <= 0 {
				return w.now + int64(time.Millisecond)
			}
		}
	}
}

// ask makes the next client ask. It returns false if all are busy.
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

// left is called when a client is gone, which will get no answer any more.
func (p *prober) left(s *session) {
	if s.asked != 0 {
		p.waiting--
		p.answers.Missing++
	}
}

// Ask makes clients ask for a while, and returns when the last answer has come.
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

// StopAsking makes Ask return when the pending answers have come.
func (w *Swarm) StopAsking() error {
	return w.call(func() { w.prober.on, w.prober.until = false, min(w.prober.until, w.clock.now()) })
}

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
	// For is how long they ask.
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

// chatter asks.
type chatter struct {
	on      bool
	q       Question
	turn    int
	begun   int64
	until   int64
	asked   int
	waiting int
	answers Answers
}

func (c *chatter) start(w *Swarm, q Question) {
	now := w.clock.now()
	*c = chatter{on: true, q: q, begun: now, until: now + int64(q.For)}
}

// step asks what is due, and tells when to look again.
func (c *chatter) step(w *Swarm) int64 {
	if !c.on {
		return never
	}
	for {
		due := w.now
		if c.q.Rate > 0 {
			due = c.begun + int64(float64(c.asked)/c.q.Rate*float64(time.Second))
		} else if c.waiting > 0 {
			return c.until
		}
		if due >= c.until || w.now >= c.until {
			c.on = false
			return never
		}
		if due > w.now {
			return due
		}
		if !c.ask(w, due) {
			c.asked++ // a turn without a client that is free
			if c.q.Rate <= 0 {
				return w.now + int64(time.Millisecond)
			}
		}
	}
}

// ask has the next client ask. It is false if none is free.
func (c *chatter) ask(w *Swarm, due int64) bool {
	n := len(w.sessions)
	if c.q.Clients > 0 {
		n = min(n, c.q.Clients)
	}
	for range n {
		s := &w.sessions[c.turn%n]
		c.turn++
		if s.phase != ready || s.asked != 0 {
			continue
		}
		s.asked = due
		c.asked++
		c.waiting++
		if c.q.Fetch {
			w.send(s, "42"+strconv.Itoa(fetchID)+`["fetch"]`)
		} else {
			w.send(s, "42"+strconv.Itoa(echoID)+joinEvent(w.plan.room(w.plan.First+int(s.index), 0)))
		}
		return true
	}
	return false
}

func (c *chatter) answered(w *Swarm, s *session, args []byte, now int64) {
	if s.asked == 0 {
		return
	}
	c.answers.Latency.Record(time.Duration(now - s.asked))
	s.asked = 0
	c.waiting--
	if c.q.Fetch && string(args) != fmt.Sprintf("[%d]", w.plan.Clients) {
		c.answers.Wrong++
	}
}

// Ask has clients ask for a while, and returns when the last answer is there.
func (w *Swarm) Ask(q Question) (Answers, error) {
	var before time.Duration
	if err := w.call(func() {
		before = processCPU()
		w.chatter.start(w, q)
	}); err != nil {
		return Answers{}, err
	}
	if _, err := w.wait(q.For+answerTime, func() bool { return !w.chatter.on && w.chatter.waiting == 0 }); err != nil {
		return Answers{}, err
	}
	var answers Answers
	err := w.call(func() {
		w.chatter.on = false
		answers = w.chatter.answers
		answers.Missing = w.chatter.waiting
		answers.CPU = processCPU() - before
		for i := range w.sessions {
			w.sessions[i].asked = 0
		}
	})
	return answers, err
}

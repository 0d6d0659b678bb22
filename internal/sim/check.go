package sim

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/socketmesh/mesh/core"
)

// invariant is a promise, as it can be checked of a run.
type invariant struct {
	name string
	// check looks at the whole run; nil where what violates it is noticed as it happens.
	check func(w *world)
}

// invariants is the table of what has to hold.
var invariants = []invariant{
	{name: "start"},         // each server starts
	{name: "order"},         // what one server sends in one namespace arrives in that order; with routing by interest, what it sends to one room
	{name: "at most once"},  // and never twice
	{name: "wrong message"}, // nor changed
	{name: "sound frames"},  // nobody takes another's frames for malformed or forged
	{name: "losses are reported", check: (*world).checkLosses},
	{name: "resumed links lose nothing", check: (*world).checkResumed},
	{name: "peace and rumours", check: (*world).checkQuiet},
	{name: "requests", check: (*world).checkRequests},
	{name: "memory", check: (*world).checkMemory},
	{name: "convergence"}, // after the last fault all are linked, and members of all namespaces
	{name: "peace"},       // what is sent and asked then arrives, and is answered by all
	{name: "shutdown"},    // and whoever leaves then is let go
}

// check checks all invariants; the history's lock is held.
func (w *world) check() {
	for _, i := range invariants {
		if i.check != nil {
			i.check(w)
		}
	}
}

// loss is what of one server's messages another one did not receive.
type loss struct {
	total    int
	linked   int      // of those that were sent while there was a link
	first    emission // of linked
	unlinked int      // of those that were sent while there was none
}

// absence is a message that a server did not receive.
type absence struct {
	emission
	namespace, n int
}

// absences are what one server has sent and another one did not receive.
func absences(from, to *server) iter.Seq[absence] {
	return func(yield func(absence) bool) {
		for namespace, emitted := range from.emitted {
			got := to.got[namespace][from.id]
			for i, e := range emitted {
				if !got.received(i+1) && !yield(absence{e, namespace, i + 1}) {
					return
				}
			}
		}
	}
}

// losses counts what was to reach another server and did not.
func losses(from, to *server) (l loss) {
	for a := range absences(from, to) {
		if !a.expected(from, to) {
			continue
		}
		l.total++
		if _, linked := a.linked[to.id]; !linked {
			l.unlinked++
			continue
		}
		if l.linked == 0 {
			l.first = a.emission
		}
		l.linked++
	}
	return l
}

// hasLeft reports whether a server that left was through with another one: it had a link
// to it when it began to leave, and until it ended that.
func (s *server) hasLeft(to *server) bool {
	_, linked := s.leftLinks[to.id]
	return linked && !slices.ContainsFunc(s.downs[to.id], func(d down) bool { return d.at >= s.ended && !errors.Is(d.why, core.ErrClosed) })
}

// expected reports whether a message that one server sent was to reach another. Of those
// for a room that clients join and leave these are the messages that were emitted when
// somebody had joined it there.
func (e absence) expected(from, to *server) bool {
	routed := from.interest && to.interest
	switch {
	case e.at < to.started, e.class == volatile:
		return false
	case e.class == toStatic:
		return !routed || staticRoom(e.host) == staticRoom(to.host)
	case e.class == toDynamic:
		return !routed || to.hosts[e.namespace].hadAt(dynamicRoom(e.host), e.at)
	case e.class == withAnswers:
		return e.host > 0 // else there is nobody to wait for
	}
	return true
}

// pairs calls f for each pair of a server whose messages have to arrive, because it
// lives or has left in good order, and one that lives.
func (w *world) pairs(f func(from, to *server)) {
	for _, from := range w.servers {
		if from.ended >= 0 && (from.killed || from.left != nil) {
			continue
		}
		for _, to := range w.servers {
			if to != from && to.ended < 0 {
				f(from, to)
			}
		}
	}
}

// checkLosses compares what did not arrive since two servers met, with or without a
// link, with the gaps that both have reported: they are exact, kind by kind. What may be
// dropped is in them or not.
func (w *world) checkLosses() {
	w.pairs(func(from, to *server) {
		since, met := from.ups[to.id]
		if !met || from.ended >= 0 && !from.hasLeft(to) {
			return
		}
		since = max(since, to.ups[from.id])
		least, most := map[core.Kind]int{}, map[core.Kind]int{}
		first := map[core.Kind]emission{}
		for a := range absences(from, to) {
			if a.at < since || a.class == withAnswers && a.host == 0 {
				continue
			}
			kind := a.class.kind()
			if most[kind]++; a.expected(from, to) && a.at > since {
				if least[kind]++; least[kind] == 1 {
					first[kind] = a.emission
				}
			}
		}
		for _, kind := range []core.Kind{core.KindBroadcast, core.KindServerSideEmit, core.KindSocketsJoin} {
			for end, n := range map[string]int{from.id: from.gapsOut[to.id][kind], to.id: to.gapsIn[from.id][kind]} {
				if end == from.id && from.ended >= 0 {
					continue // it needs not say so any more
				}
				if n < least[kind] || n > most[kind] {
					w.violateLocked("losses are reported", "%s did not receive %d to %d %s of %s, the first %s of %v; %s says %d",
						to.id, least[kind], most[kind], kind, from.id, first[kind].class, first[kind].at, end, n)
				}
			}
		}
	})
}

// resumeWindow is how long a link may be down and lose nothing. It is what the documents
// promise, written once more: if the code forgot it, a constant of the code would not tell.
const resumeWindow = 30 * time.Second

// resumable reports whether what happened between two hosts can be resumed: each time
// that they were apart was short enough, with the time that it takes to find each other
// again, and nothing was too much for a buffer.
func (p *Plan) resumable(a, b int) bool {
	if p.QueueBytes < 1<<20 {
		return false
	}
	var end time.Duration // of the disturbance so far
	var begin time.Duration
	again := p.RedialMax + 3*time.Second
	for _, e := range p.Events {
		if !e.disturbs(a, b) {
			continue
		}
		if e.Do == Burst || e.Do == Stall {
			return false
		}
		length := e.For
		if e.Do == Flap {
			length = time.Duration(e.N) * 200 * time.Millisecond
		}
		until := min(e.At+length, MaxDuration)
		if e.At > end+p.Timeout+again {
			begin = e.At
		}
		end = max(end, until)
		if end-begin+again > resumeWindow {
			return false
		}
	}
	return true
}

// seemsGone reports whether two hosts did not hear each other while discovery did not list
// all of them: nobody can tell that from a machine that has gone. Requests then do not wait,
// but what was published waits all the same.
func (p *Plan) seemsGone(a, b int) bool {
	for _, lie := range p.Events {
		if lie.Do == Lie && slices.ContainsFunc(p.Events, func(e Event) bool {
			return e.Do != Lie && e.disturbs(a, b) && e.At < lie.At+lie.For && e.At+e.For > lie.At
		}) {
			return true
		}
	}
	return false
}

// disturbs reports whether an event concerns what two hosts send each other.
func (e Event) disturbs(a, b int) bool {
	switch e.Do {
	case Cut, Reset, HalfOpen, Partition, OneWay, Hold, Flap:
		return e.A == a && e.B == b || e.A == b && e.B == a
	case Island:
		return e.N>>a&1 != e.N>>b&1
	case Hang, Stall, Burst:
		return e.A == a || e.A == b
	case Lie: // who is lost is looked for elsewhere
		return true
	}
	return false
}

// checkResumed: between servers that could always resume nothing is lost, and neither
// says of the other that it has left, unless it seemed to.
func (w *world) checkResumed() {
	w.pairs(func(from, to *server) {
		since, linked := from.ups[to.id]
		if from.ended >= 0 || !linked || !w.plan.resumable(from.host, to.host) {
			return
		}
		since = max(since, to.ups[from.id])
		for a := range absences(from, to) {
			if a.at > since && a.expected(from, to) {
				w.violateLocked("resumed links lose nothing", "%s did not receive %d of %s in %s, %s of %v", to.id, a.n, from.id, namespaces[a.namespace], a.class, a.at)
			}
		}
	})
	for _, r := range w.requests {
		for _, id := range r.left {
			for _, to := range w.servers {
				if to.id == id && to.ended < 0 && r.server.ended < 0 && w.plan.resumable(r.server.host, to.host) && !w.plan.seemsGone(r.server.host, to.host) {
					w.violateLocked("resumed links lose nothing", "%s of %s at %v, ended at %v, says that %s has left", r.what, r.server.id, r.began, r.at, id)
				}
			}
		}
	}
}

// checkQuiet: where no link and no server has a fault, no peer is lost, whatever discovery
// says, and no message.
func (w *world) checkQuiet() {
	for _, e := range w.plan.Events {
		switch e.Do {
		case Delay, Lie, Start, Emit, Ask, Join, Quit, Meet:
		default:
			return
		}
	}
	for _, s := range w.servers {
		for id, downs := range s.downs {
			w.violateLocked("peace and rumours", "%s lost %s at %v, and nothing had happened to them: %v", s.id, id, downs[0].at, downs[0].why)
		}
	}
	w.pairs(func(from, to *server) {
		if l := losses(from, to); l.linked > 0 {
			w.violateLocked("peace and rumours", "%s did not receive %d of %s, the first %s of %v, and nothing had happened to them", to.id, l.linked, from.id, l.first.class, l.first.at)
		}
	})
}

// knownAfter is how long it may take until a server that has gone is known to have.
const knownAfter = 2 * time.Second

// undisturbed reports whether nothing happened between two hosts in a time.
func (p *Plan) undisturbed(a, b int, from, to time.Duration) bool {
	return !slices.ContainsFunc(p.Events, func(e Event) bool { return e.disturbs(a, b) && e.At < to && e.At+e.For > from })
}

// checkRequests: a request ends by its deadline, and each server that was asked has
// answered, has left, or is named.
func (w *world) checkRequests() {
	byID := map[string]*server{}
	for _, s := range w.servers {
		byID[s.id] = s
	}
	for _, r := range w.requests {
		s, limit := r.server, r.server.settings.RequestTimeout
		switch {
		case !r.settled:
			if s.ended < 0 || s.ended > r.began+limit {
				w.violateLocked("requests", "%s of %s at %v has not ended", r.what, s.id, r.began)
			}
			continue
		case r.at > r.began+limit:
			w.violateLocked("requests", "%s of %s at %v has taken %v", r.what, s.id, r.began, r.at-r.began)
		case errors.Is(r.err, core.ErrClosed):
			if s.ended < 0 || s.ended > r.at {
				w.violateLocked("requests", "%s of %s at %v: %v", r.what, s.id, r.began, r.err)
			}
			continue
		case r.at == r.began+limit && len(r.missing) == 0 && len(r.left) > 0:
			w.violateLocked("requests", "%s of %s at %v has waited until its deadline for %v, which have left", r.what, s.id, r.began, r.left)
		case r.err != nil && !errors.Is(r.err, core.ErrIncomplete):
			w.violateLocked("requests", "%s of %s at %v: %v", r.what, s.id, r.began, r.err)
		}
		for _, id := range r.before {
			if id != s.id && slices.Contains(r.after, id) && r.answered[id] == 0 && !slices.Contains(r.left, id) && !slices.Contains(r.missing, id) {
				w.violateLocked("requests", "%s of %s at %v, ended at %v: %s has not answered, and is not named: %v", r.what, s.id, r.began, r.at, id, r.err)
			}
		}
		for id := range r.answered {
			if other := byID[id]; other == nil || other.started > r.at || other.ended >= 0 && other.ended < r.began {
				w.violateLocked("requests", "%s of %s at %v: an answer of %s, which is not there", r.what, s.id, r.began, id)
			}
		}
		for _, id := range r.left {
			other := byID[id]
			gone := other != nil && other.ended >= 0 && other.ended <= r.at
			for _, d := range s.downs[id] {
				gone = gone || d.at >= r.began-resumeWindow-time.Second && d.at <= r.at
			}
			if !gone {
				w.violateLocked("requests", "%s of %s at %v, ended at %v, says that %s has left", r.what, s.id, r.began, r.at, id)
			}
		}
		for _, id := range r.missing {
			other := byID[id]
			if other == nil || other.ended >= 0 && r.at > max(r.began, other.ended)+knownAfter && w.plan.undisturbed(s.host, other.host, other.ended-settleFor, r.at) {
				w.violateLocked("requests", "%s of %s at %v, ended at %v, misses %s, which has gone", r.what, s.id, r.began, r.at, id)
			}
		}
	}
}

// oneMessage is more than any message of a plan takes.
const oneMessage = 8 << 10

// checkMemory: what waits for a peer stays below the limit.
func (w *world) checkMemory() {
	for _, s := range w.servers {
		if limit := 4*s.settings.QueueBytes + oneMessage; s.maxQueued > limit {
			w.violateLocked("memory", "%d bytes waited at %s for one peer; the limit is %d", s.maxQueued, s.id, limit)
		}
	}
}

// converged checks that all have a link to all, and see each other everywhere.
func (w *world) converged(living []*server) {
	var all []string
	for _, s := range living {
		all = append(all, s.id)
	}
	slices.Sort(all)
	for _, s := range living {
		linked := append(slices.Collect(maps.Keys(s.links())), s.id)
		slices.Sort(linked)
		if !slices.Equal(linked, all) {
			w.violate("convergence", "%s has links to %v; there are %v", s.id, linked, all)
		}
		for i, a := range s.adapters {
			if members := slices.Sorted(slices.Values(a.Servers())); !slices.Equal(members, all) {
				w.violate("convergence", "%s sees %v in %s; there are %v", s.id, members, namespaces[i], all)
			}
		}
	}
}

// sentInPeace is a message that was sent when all faults were over.
type sentInPeace struct {
	from      *server
	namespace int
	n         int
}

// arrived checks that each such message has reached all; the history's lock is held.
func (w *world) arrived(living []*server, sent []sentInPeace) {
	for _, m := range sent {
		for _, to := range living {
			wanted := absence{m.from.emitted[m.namespace][m.n-1], m.namespace, m.n}.expected(m.from, to)
			if to != m.from && wanted && !to.got[m.namespace][m.from.id].received(m.n) {
				w.violateLocked("peace", "%s did not receive %d of %s in %s, which was sent when all faults were over", to.id, m.n, m.from.id, namespaces[m.namespace])
			}
		}
	}
}

// answered checks that each such request was answered by all; the history's lock is held.
func (w *world) answered(living []*server, requests []*request) {
	for _, r := range requests {
		if !r.settled || r.err != nil {
			w.violateLocked("peace", "%s of %s, asked when all faults were over: settled %v, %v", r.what, r.server.id, r.settled, r.err)
			continue
		}
		for _, other := range living {
			want := 2 // clients
			if r.what == questions[1].name {
				want = 1
			}
			if other != r.server && r.answered[other.id] != want {
				w.violateLocked("peace", "%s of %s, asked when all faults were over: %d answers of %s, want %d", r.what, r.server.id, r.answered[other.id], other.id, want)
			}
		}
	}
}

func (w *world) figures() Figures {
	f := Figures{Servers: len(w.servers), Faults: w.faults, Requests: len(w.requests)}
	for _, s := range w.servers {
		for namespace := range namespaces {
			f.Emitted += len(s.emitted[namespace])
			for _, r := range s.got[namespace] {
				f.Received += len(r)
			}
		}
	}
	w.pairs(func(from, to *server) {
		l := losses(from, to)
		f.Missing += l.total
		f.Unlinked += l.unlinked
	})
	return f
}

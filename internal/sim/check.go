package sim

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/socketmesh/mesh/core"
)

// invariant is a promise in a form that can be checked after a run.
type invariant struct {
	name string
	// check examines the whole run; it is nil if violations are noticed as they happen.
	check func(w *world)
}

// invariants are the promises that every run has to keep.
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

// loss counts the messages of one server that another one did not receive.
type loss struct {
	total    int
	linked   int      // those that were sent while there was a link
	first    emission // the first one of linked
	unlinked int      // those that were sent without a link
}

// absence is a message that a server did not receive.
type absence struct {
	emission
	namespace, n int
}

// absences yields the messages that one server has sent and another one did not receive.
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

// losses counts the messages that another server should have received and did not.
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

// hasLeft reports whether a server that left has drained its link to another one: it had
// a link when it began to leave, and only its own end of the link ended it.
func (s *server) hasLeft(to *server) bool {
	_, linked := s.leftLinks[to.id]
	return linked && !slices.ContainsFunc(s.downs[to.id], func(d down) bool { return d.at >= s.ended && !errors.Is(d.why, core.ErrClosed) })
}

// expected reports whether a server's message should have reached another server. A
// message for a room that clients join and leave is expected if the room had a member
// there when it was emitted.
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
		return e.host > 0 // otherwise no server was to answer
	}
	return true
}

// pairs calls f for each pair of servers of which the first one's messages have to
// arrive, because it lives or has left in good order, and the second one lives.
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

// checkLosses compares the messages that did not arrive since two servers first met, with
// or without a link, with the gaps that both have reported: these have to be exact, kind
// by kind. Messages that may be dropped may be among them or not.
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

// resumeWindow is how long a link may be down without a loss. It repeats the number that
// the documentation promises: a test with the code's constant would not notice a change
// of it.
const resumeWindow = 30 * time.Second

// resumable reports whether two hosts can resume their session after all faults between
// them: each time without a link was short enough, including the time to link again, and
// no buffer overflowed.
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

// seemsGone reports whether two hosts did not hear each other while discovery did not
// list all hosts: nobody can distinguish that from a machine that is gone. Requests then
// do not wait, but published messages still do.
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

// disturbs reports whether an event affects the messages between two hosts.
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

// checkResumed: servers that could always resume lose no message of each other, and do
// not report that the other one has left, unless it seemed gone.
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

// checkQuiet: if no link and no server has a fault, no peer and no message is lost,
// whatever discovery reports.
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

// knownAfter is how long it may take until the other servers know that a server is gone.
const knownAfter = 2 * time.Second

// undisturbed reports whether nothing affected two hosts during a time.
func (p *Plan) undisturbed(a, b int, from, to time.Duration) bool {
	return !slices.ContainsFunc(p.Events, func(e Event) bool { return e.disturbs(a, b) && e.At < to && e.At+e.For > from })
}

// checkRequests: a request ends by its deadline, and each server that was asked has
// answered, has left, or is named in the error.
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

// oneMessage is larger than any message of a plan.
const oneMessage = 8 << 10

// checkMemory: the memory of a peer's queue stays below the limit.
func (w *world) checkMemory() {
	for _, s := range w.servers {
		if limit := 4*s.settings.QueueBytes + oneMessage; s.maxQueued > limit {
			w.violateLocked("memory", "%d bytes waited at %s for one peer; the limit is %d", s.maxQueued, s.id, limit)
		}
	}
}

// converged checks that all servers are linked to each other, and members of all
// namespaces.
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

// sentInPeace is a message that was sent after all faults had ended.
type sentInPeace struct {
	from      *server
	namespace int
	n         int
}

// arrived checks that all servers have received each such message; the history's lock is
// held.
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

// answered checks that all servers have answered each such request; the history's lock is
// held.
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

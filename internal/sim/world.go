package sim

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/transport/mem"
)

// world is a cluster on which a plan is executed.
type world struct {
	*history
	plan    *Plan
	log     *slog.Logger
	net     *mem.Network
	roster  *coretest.Roster
	lives   []int     // by host
	current []*server // by host; nil where none runs
	ending  sync.WaitGroup
	rounds  int // of measure
}

// Result is the result of a run.
type Result struct {
	Violations []Violation
	// Trace is the same for two runs in which the same messages were received at the
	// same moments.
	Trace uint64
	Figures
}

// Figures count the events of a run.
type Figures struct {
	Servers  int // lives
	Faults   int
	Emitted  int // messages
	Received int // of them, copies that other servers received
	Missing  int // copies that live servers did not receive; of these
	Unlinked int // those that were emitted while there was no link
	Requests int
}

// String describes the figures in a sentence.
func (f Figures) String() string {
	return fmt.Sprintf("%d lives of servers, %d faults, %d messages emitted, %d copies received, %d copies not received (%d of them emitted without a link), %d requests",
		f.Servers, f.Faults, f.Emitted, f.Received, f.Missing, f.Unlinked, f.Requests)
}

// Add adds the figures of another run.
func (f *Figures) Add(g Figures) {
	f.Servers += g.Servers
	f.Faults += g.Faults
	f.Emitted += g.Emitted
	f.Received += g.Received
	f.Missing += g.Missing
	f.Unlinked += g.Unlinked
	f.Requests += g.Requests
}

// Run executes a plan and checks the invariants. It has to be called in a bubble of
// testing/synctest, and leaves no goroutine behind. The servers log to log.
func Run(plan Plan, log *slog.Logger) Result {
	opts := []mem.Option{mem.WithBuffer(plan.Buffer)}
	if plan.Streams > 0 {
		opts = append(opts, mem.WithStreams(plan.Streams, plan.Stagger))
	}
	w := &world{
		history: &history{began: time.Now()}, plan: &plan, log: log,
		net: mem.NewNetwork(opts...), roster: coretest.NewRoster(),
		lives: make([]int, plan.Hosts), current: make([]*server, plan.Hosts),
	}
	for host := range plan.Present {
		w.start(host)
	}
	for _, step := range w.schedule() {
		time.Sleep(step.at - w.now())
		step.do()
		w.measure()
	}
	w.heal()
	time.Sleep(settleFor)
	w.finale()
	w.end()
	w.mu.Lock()
	defer w.mu.Unlock()
	return Result{Violations: w.violations, Trace: w.trace, Figures: w.figures()}
}

// step is something to do at a moment.
type step struct {
	at time.Duration
	do func()
}

// schedule returns the steps of the plan, including those that end its faults.
func (w *world) schedule() []step {
	var steps []step
	for _, e := range w.plan.Events {
		steps = append(steps, step{e.At, func() { w.do(e) }})
		if undo := w.undo(e); undo != nil && e.For > 0 {
			steps = append(steps, step{min(e.At+e.For, MaxDuration), undo})
		}
		if e.Do == Flap {
			for i := range e.N {
				steps = append(steps, step{e.At + time.Duration(i+1)*200*time.Millisecond, func() { w.cut(e.A, e.B) }})
			}
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	return steps
}

func (w *world) cut(a, b int) { w.net.Cut(hostName(a), hostName(b)) }

// do executes an event. An event for a server does nothing if there is no server.
func (w *world) do(e Event) {
	a, b := hostName(e.A), hostName(e.B)
	s := w.current[e.A]
	w.faults++
	switch e.Do {
	case Cut, Flap:
		w.cut(e.A, e.B)
	case Reset:
		w.net.Hold(a, b)
		w.cut(e.A, e.B)
	case HalfOpen:
		w.net.CutOneSide(a, b)
	case Partition:
		w.net.Partition(a, b)
	case OneWay:
		w.net.PartitionOneSide(a, b)
	case Hold:
		w.net.Hold(a, b)
	case Island:
		w.eachBridge(e.N, w.net.Partition)
	case Delay:
		w.net.Delay(a, b, time.Duration(e.N)*time.Millisecond)
	case Hang:
		w.net.Hang(a)
	case Start:
		w.startAt(e.A)
	case Lie:
		w.lie(e.N)
	case Kill, Leave, Stall, Emit, Burst, Ask, Join, Quit, Meet:
		if s == nil {
			w.faults--
			return
		}
		w.doAt(s, e)
	}
}

// doAt executes an event for one server.
func (w *world) doAt(s *server, e Event) {
	switch e.Do {
	case Kill:
		w.net.Kill(hostName(e.A))
		w.stop(s, true, time.Second)
	case Leave:
		w.stop(s, false, 20*time.Second)
	case Stall:
		s.stalled.Store(int64(min(e.At+e.For, MaxDuration)))
	case Emit:
		w.faults--
		for i := range e.N {
			s.emit(e.B, class(e.Size), i, 0)
		}
	case Burst:
		for range e.N {
			s.emit(e.B, toAll, 0, e.Size)
		}
	case Ask:
		w.faults--
		s.ask(e.B, e.N)
	case Join, Quit, Meet:
		w.faults--
		s.hosts[e.B].move(e.Do != Quit, dynamicRoom(e.N))
		if e.Do == Meet {
			time.Sleep(time.Nanosecond) // the join came first
			for _, other := range w.living() {
				if other != s {
					other.emit(e.B, toDynamic, e.N, 0)
				}
			}
		}
	}
}

// undo returns the function that ends an event; nil if there is none.
func (w *world) undo(e Event) func() {
	a, b := hostName(e.A), hostName(e.B)
	switch e.Do {
	case Reset, Partition, OneWay, Hold:
		return func() { w.net.Heal(a, b) }
	case Island:
		return func() { w.eachBridge(e.N, w.net.Heal) }
	case Delay:
		return func() { w.net.Delay(a, b, 0) }
	case Hang:
		return func() { w.net.Resume(a) }
	case Kill, Leave:
		return func() { w.startAt(e.A) }
	case Lie:
		return w.roster.Truth
	}
	return nil
}

// eachBridge calls f for each pair of hosts of which exactly one is in the set.
func (w *world) eachBridge(set int, f func(a, b string)) {
	for i := range w.plan.Hosts {
		for j := range i {
			if set>>i&1 != set>>j&1 {
				f(hostName(i), hostName(j))
			}
		}
	}
}

func (w *world) startAt(host int) {
	if w.current[host] == nil && w.lives[host] < 100 {
		w.start(host)
	}
}

// stop ends a server while the others go on. Its name is free at once: a listener that is
// closed gives it back.
func (w *world) stop(s *server, killed bool, patience time.Duration) {
	w.current[s.host] = nil
	w.ending.Go(func() { s.stop(killed, patience) })
	if !killed {
		time.Sleep(time.Millisecond) // until it does not listen any more
	}
}

// lie makes discovery report a wrong roster.
func (w *world) lie(which int) {
	var peers []core.Peer
	for host, s := range w.current {
		if s == nil {
			continue
		}
		switch which {
		case 1: // half of them
			if host%2 == 0 {
				peers = append(peers, core.Peer{ID: s.id, Address: address(host)})
			}
		case 2: // the address of another, and one where nobody is
			peers = append(peers, core.Peer{ID: s.id, Address: address((host + 1) % w.plan.Hosts)}, core.Peer{ID: "x-" + s.id, Address: "mem://nowhere"})
		}
	}
	w.roster.Tell(peers...)
}

// measure records at intervals how much waits for peers.
func (w *world) measure() {
	if w.rounds++; w.rounds%8 != 0 {
		return
	}
	for _, s := range w.current {
		if s == nil {
			continue
		}
		for _, p := range s.node.Stats().Peers {
			s.maxQueued = max(s.maxQueued, p.QueuedBytes)
		}
	}
}

// heal ends all faults, and starts the servers that have to run at the end.
func (w *world) heal() {
	w.roster.Truth()
	for i := range w.plan.Hosts {
		w.net.Resume(hostName(i))
		for j := range i {
			w.net.Heal(hostName(i), hostName(j))
			w.net.Delay(hostName(i), hostName(j), time.Millisecond)
			w.net.Delay(hostName(j), hostName(i), time.Millisecond)
		}
		if s := w.current[i]; s != nil {
			s.stalled.Store(0)
		}
	}
	if len(w.living()) < 2 {
		w.startAt(0)
		w.startAt(1)
	}
}

func (w *world) living() (living []*server) {
	for _, s := range w.current {
		if s != nil {
			living = append(living, s)
		}
	}
	return living
}

// finale sends messages that have to arrive, and requests that have to be answered, after
// all faults have ended.
func (w *world) finale() {
	living := w.living()
	w.converged(living)
	var sent []sentInPeace
	for _, s := range living {
		for i := range namespaces {
			for _, c := range []class{toAll, toStatic, serverSide} {
				s.emit(i, c, s.host, 0)
				sent = append(sent, sentInPeace{s, i, len(s.emitted[i])})
			}
			for room := range dynamicRooms {
				s.emit(i, toDynamic, room, 0)
				sent = append(sent, sentInPeace{s, i, len(s.emitted[i])})
			}
		}
	}
	time.Sleep(time.Second)
	w.mu.Lock()
	w.arrived(living, sent)
	w.mu.Unlock()
	var requests []*request
	for _, s := range living {
		for q := range questions {
			requests = append(requests, s.ask(q%len(namespaces), q))
		}
	}
	time.Sleep(w.plan.RequestTimeout + time.Second)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answered(living, requests)
	w.check()
}

// end shuts all servers down, one after the other.
func (w *world) end() {
	for _, s := range w.living() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		if err := s.node.Shutdown(ctx); err != nil {
			w.violate("shutdown", "%s, in peace: %v", s.id, err)
		}
		cancel()
	}
	w.ending.Wait()
}

func (w *world) discovery() core.Discovery {
	if !w.plan.Static {
		return w.roster.Discovery()
	}
	peers := make([]core.Peer, w.plan.Hosts)
	for host := range peers {
		peers[host].Address = address(host)
	}
	return addresses(peers)
}

// addresses is a discovery that knows the servers' addresses, but not their ids.
type addresses []core.Peer

func (addresses) Name() string { return "addresses" }

func (a addresses) Run(ctx context.Context, _ core.Peer, update func([]core.Peer)) error {
	update(slices.Clone(a))
	<-ctx.Done()
	return nil
}

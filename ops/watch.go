package ops

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// How a watch looks at the mesh.
const (
	watchInterval = time.Second
	// watchWait is how long it waits for the answers of one look. Those that come later
	// are of the next one.
	watchWait = 400 * time.Millisecond
	// watchLate is how long a node that has answered may be silent until it is a problem.
	watchLate = 3 * time.Second
	// watchRooms is after how many looks the largest rooms are wanted again.
	watchRooms = 5
	// watchDetail is up to how many nodes all links are shown, and not only those that
	// stand out.
	watchDetail = 25
	// watchGone is for how long nodes are shown that have gone.
	watchGone = time.Minute
)

// watch gathers what pages show, once for all of them, while there is one.
type watch struct {
	h *Handler

	mu       sync.Mutex
	watchers int
	closed   bool
	stop     context.CancelFunc // of the gatherer; nil without one
	latest   *frame             // of the gatherer that runs; nil before its first
	next     chan struct{}      // closed with the next frame
}

// join is called by one who wants frames, and returns false if there are enough. leave has
// to follow.
func (w *watch) join() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.watchers >= maxWatchers {
		return false
	}
	if w.watchers++; w.watchers == 1 {
		var ctx context.Context
		ctx, w.stop = context.WithCancel(w.h.ctx)
		w.latest, w.next = nil, make(chan struct{})
		g := &gatherer{h: w.h, nodes: map[string]*seen{}, view: view{epoch: rand.Text()[:8], since: map[[3]string]int64{}}}
		w.h.work.Go(func() { g.run(ctx, func(f *frame) { w.publish(ctx, f) }) })
	}
	return true
}

func (w *watch) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watchers--; w.watchers == 0 {
		w.stop()
	}
}

// close lets nobody join from here on.
func (w *watch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

// publish hands a frame to all who wait, unless its gatherer has been replaced.
func (w *watch) publish(ctx context.Context, f *frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() == nil {
		w.latest = f
		close(w.next)
		w.next = make(chan struct{})
	}
}

// look returns the latest frame, and what is closed when there is another one.
func (w *watch) look() (*frame, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.latest, w.next
}

// gatherer looks at all nodes again and again. It belongs to one goroutine.
type gatherer struct {
	h     *Handler
	nodes map[string]*seen // that are linked, or were
	looks int
	view  view
	left  uint64 // goodbyes of peers that nodes in gone are told apart by
}

// seen is what a gatherer knows of a node.
type seen struct {
	id, address string
	reference   bool
	linked      bool  // with this node
	suspended   int64 // ms since 1970, when the link has broken; 0 otherwise
	gone        time.Time
	goodbye     bool // it has gone, and said so

	asking  bool
	asked   time.Time // since when it has not answered
	failure string    // why the last question has no answer

	report, before *report
	identity       *identity
	peers          []Peer // of the report in which they were told
	links          uint64 // which they are
	events         uint64 // Seq of the last one that was told
	fresh          []Event
	largest        []Room
	partial        bool
}

// answered is what has become of a question.
type answered struct {
	node   string
	look   int
	body   []byte  // of another node: a report, encoded
	report *report // of this one
	err    error
}

// run looks until ctx ends.
func (g *gatherer) run(ctx context.Context, publish func(*frame)) {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	answers := make(chan answered)
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		pending := g.ask(ctx, &asking, answers)
		wait := time.NewTimer(watchWait)
	waiting:
		for pending > 0 {
			select {
			case a := <-answers:
				if a.look == g.looks {
					pending--
				}
				g.take(a)
			case <-wait.C:
				break waiting
			case <-ctx.Done():
				break waiting
			}
		}
		wait.Stop()
		if ctx.Err() == nil {
			publish(g.view.frame(g, time.Now()))
		}
		g.looks++
	idle:
		for {
			select {
			case <-ticker.C:
				break idle
			case a := <-answers: // late
				g.take(a)
			case <-ctx.Done():
				return
			}
		}
	}
}

// ask puts a question to each node that has answered the one before. It returns how many
// have not answered any yet.
func (g *gatherer) ask(ctx context.Context, asking *sync.WaitGroup, answers chan<- answered) (pending int) {
	g.meet(g.h.source.Stats())
	detail, look := len(g.nodes) <= watchDetail, g.looks
	for id, n := range g.nodes {
		switch {
		case n.reference || !n.linked:
			continue
		case n.asking:
			continue // it is late: what it says is of the look in which it comes
		}
		q := watchQuery{Links: n.links, Since: n.events, Detail: detail, Rooms: g.looks%watchRooms == 0}
		if id == g.h.source.ID() {
			g.take(answered{node: id, report: g.h.report(ctx, q)})
			continue
		}
		text, err := json.Marshal(question{Op: opWatch, Watch: &q})
		if err != nil {
			continue // which it always can
		}
		n.asking, n.asked = true, time.Now()
		pending++
		asking.Go(func() {
			a := answered{node: id, look: look}
			a.body, a.err = g.askOne(ctx, id, text)
			select {
			case answers <- a:
			case <-ctx.Done():
			}
		})
	}
	return pending
}

var errNoAnswer = errors.New("no answer in time")

func (g *gatherer) askOne(ctx context.Context, id string, text []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, g.h.o.Timeout, errNoAnswer)
	defer cancel()
	return g.h.source.Ask(ctx, id, text)
}

// decode decodes what another node has answered. The gatherer does that, and not those
// that ask: in a new goroutine for each node, decoding would begin with growing its stack.
func (a *answered) decode() {
	if a.err != nil || a.report != nil {
		return
	}
	a.report = &report{}
	if a.err = json.Unmarshal(a.body, a.report); a.err == nil && a.report.ID != a.node {
		a.err = errors.New("it answered for another node")
	}
}

// meet notes who is linked, and who was.
func (g *gatherer) meet(stats core.Stats) {
	now := time.Now()
	for _, n := range g.nodes {
		n.linked, n.suspended = false, 0
	}
	met := func(p core.PeerInfo) *seen {
		n := g.nodes[p.ID]
		if n == nil {
			n = &seen{id: p.ID}
			g.nodes[p.ID] = n
		}
		n.address, n.reference, n.gone, n.goodbye = shown(p.Address), p.Reference, time.Time{}, false
		return n
	}
	own := g.h.source.State()
	met(core.PeerInfo{ID: own.ID, Address: own.Advertise}).linked = true
	for _, p := range stats.Peers {
		met(p.PeerInfo).linked = true
	}
	for _, p := range stats.Suspended {
		if n := met(p.PeerInfo); !n.linked {
			n.suspended = p.Suspended.UnixMilli()
		}
	}
	goodbyes := stats.PeerDrops["left"]
	if g.looks == 0 {
		g.left = goodbyes
	}
	for id, n := range g.nodes {
		if !n.linked && n.suspended == 0 && !n.goodbye && goodbyes > g.left {
			n.goodbye = true
			g.left++
		}
		switch {
		case n.linked || n.suspended != 0:
		case n.gone.IsZero():
			n.gone = now
		case now.Sub(n.gone) > watchGone:
			delete(g.nodes, id)
		}
	}
}

// take notes an answer.
func (g *gatherer) take(a answered) {
	n := g.nodes[a.node]
	if n == nil {
		return // it has gone
	}
	n.asking = false
	if a.decode(); a.err != nil {
		n.failure = a.err.Error()
		if errors.Is(a.err, core.ErrUnsupported) {
			n.failure = "its version does not answer pages: " + n.failure
		}
		return
	}
	n.failure = ""
	n.before, n.report = n.report, a.report
	if n.before != nil && n.before.Started != n.report.Started {
		n.before = nil
	}
	if a.report.Identity != nil {
		n.identity = a.report.Identity
	}
	if a.report.Links != n.links {
		n.links = a.report.Links
		n.peers = make([]Peer, len(a.report.Linked))
		for i, p := range a.report.Linked {
			n.peers[i] = Peer{ID: p.ID, Address: p.Address, Reference: p.Reference}
		}
	}
	n.fresh = append(n.fresh, a.report.Events...)
	n.events = a.report.Seq
	if a.report.Largest != nil {
		n.largest, n.partial = a.report.Largest, a.report.Partial
	}
	a.report.Events, a.report.Linked, a.report.Largest = nil, nil, nil
}

// silent is why a node that is linked does not tell of itself; "" if it does.
func (n *seen) silent(now time.Time) string {
	switch {
	case n.failure != "":
		return n.failure
	case n.asking && now.Sub(n.asked) > watchLate:
		return fmt.Sprintf("no answer for more than %s", watchLate)
	}
	return ""
}

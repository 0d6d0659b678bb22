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

// How a gatherer looks at the mesh.
const (
	watchInterval = time.Second
	// watchWait is how long it waits for the answers of one look. Later answers count for
	// the next look.
	watchWait = 400 * time.Millisecond
	// watchLate is after how long without an answer a node that has answered before is a
	// problem.
	watchLate = 3 * time.Second
	// watchRooms is the number of looks between two questions for the largest rooms.
	watchRooms = 5
	// watchDetail is the number of nodes up to which all links are shown, and not only
	// those that stand out.
	watchDetail = 25
	// watchGone is how long nodes are shown after they have gone.
	watchGone = time.Minute
)

// watch gathers what pages show, once for all pages, while there is a page.
type watch struct {
	h *Handler

	mu       sync.Mutex
	watchers int
	closed   bool
	stop     context.CancelFunc // stops the gatherer; nil without one
	latest   *frame             // of the current gatherer; nil before its first frame
	next     chan struct{}      // closed when the next frame is there
}

// join registers a reader of frames, and returns false if there are enough. The reader
// calls leave later.
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

// close lets no more readers join.
func (w *watch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

// publish gives a frame to all readers, unless its gatherer has been replaced.
func (w *watch) publish(ctx context.Context, f *frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() == nil {
		w.latest = f
		close(w.next)
		w.next = make(chan struct{})
	}
}

// look returns the latest frame, and a channel that is closed when there is another one.
func (w *watch) look() (*frame, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.latest, w.next
}

// gatherer looks at all nodes repeatedly. It belongs to one goroutine.
type gatherer struct {
	h     *Handler
	nodes map[string]*seen // nodes that are linked, or were
	looks int
	view  view
	left  uint64 // goodbyes that are attributed to nodes that are gone
}

// seen is what a gatherer knows of a node.
type seen struct {
	id, address string
	reference   bool
	linked      bool  // to this node
	suspended   int64 // ms since 1970, when the link broke; 0 otherwise
	gone        time.Time
	goodbye     bool // it has gone and said goodbye

	asking  bool
	asked   time.Time // when the question was sent that it has not answered
	failure string    // why the last question was not answered

	report, before *report
	identity       *identity
	peers          []Peer // from the last report that had them
	links          uint64 // the hash of their ids
	events         uint64 // Seq of the last event that was reported
	fresh          []Event
	largest        []Room
	partial        bool
}

// answered is the result of a question.
type answered struct {
	node   string
	look   int
	body   []byte  // an encoded report, of another node
	report *report // the report of this node
	err    error
}

// run looks at all nodes until ctx ends.
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
			case a := <-answers: // of an earlier look
				g.take(a)
			case <-ctx.Done():
				return
			}
		}
	}
}

// ask sends a question to each node that has answered the previous one. It returns the
// number of questions that are not answered yet.
func (g *gatherer) ask(ctx context.Context, asking *sync.WaitGroup, answers chan<- answered) (pending int) {
	g.meet(g.h.source.Stats())
	detail, look := len(g.nodes) <= watchDetail, g.looks
	for id, n := range g.nodes {
		switch {
		case n.reference || !n.linked:
			continue
		case n.asking:
			continue // it has not answered the previous question: its answer counts for the look in which it comes
		}
		q := watchQuery{Links: n.links, Since: n.events, Detail: detail, Rooms: g.looks%watchRooms == 0}
		if id == g.h.source.ID() {
			g.take(answered{node: id, report: g.h.report(ctx, q)})
			continue
		}
		text, err := json.Marshal(question{Op: opWatch, Watch: &q})
		if err != nil {
			continue // cannot happen
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

// decode decodes another node's answer. The gatherer decodes, not the goroutines that ask:
// each new goroutine would first have to grow its stack for it.
func (a *answered) decode() {
	if a.err != nil || a.report != nil {
		return
	}
	a.report = &report{}
	if a.err = json.Unmarshal(a.body, a.report); a.err == nil && a.report.ID != a.node {
		a.err = errors.New("it answered for another node")
	}
}

// meet updates which nodes are linked, suspended or gone.
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

// take handles an answer.
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

// silent returns why a linked node is not reporting; "" if it is.
func (n *seen) silent(now time.Time) string {
	switch {
	case n.failure != "":
		return n.failure
	case n.asking && now.Sub(n.asked) > watchLate:
		return fmt.Sprintf("no answer for more than %s", watchLate)
	}
	return ""
}

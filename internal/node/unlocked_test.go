package node_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/internal/node"
)

// askBack is an observer and a log handler that calls its node whenever it is called,
// as an application's may. It would wait for ever if it were called under a lock of the
// node.
type askBack struct {
	t    *testing.T
	node *atomic.Pointer[node.Node]

	mu   *sync.Mutex
	told map[string]bool
}

func (a askBack) ask(what string) {
	n := a.node.Load()
	if n == nil {
		return
	}
	a.mu.Lock()
	a.told[what] = true
	a.mu.Unlock()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		n.Stats()
		n.Advertised()
		n.AwaitNotified()
		if ns, err := n.OpenRaw("/asked", &recorder{}); err == nil {
			ns.Leave()
		}
	}()
	select {
	case <-answered:
	case <-time.After(time.Minute):
		a.t.Errorf("%s under a lock", what)
	}
}

func (a askBack) PeerUp(core.PeerInfo)                     { a.ask("PeerUp") }
func (a askBack) PeerDown(core.PeerInfo, error)            { a.ask("PeerDown") }
func (a askBack) Dropped(_ string, _ core.Kind, why error) { a.ask("Dropped: " + why.Error()) }
func (a askBack) Sent(string, core.Kind, int)              {}
func (a askBack) Received(string, core.Kind, int)          {}
func (a askBack) Refused(string, error)                    { a.ask("Refused") }
func (a askBack) Gap(core.Gap)                             { a.ask("Gap") }
func (a askBack) RequestBegun(core.RequestInfo)            { a.ask("RequestBegun") }
func (a askBack) RequestDone(core.RequestInfo)             { a.ask("RequestDone") }
func (a askBack) Enabled(context.Context, slog.Level) bool { return true }
func (a askBack) WithAttrs([]slog.Attr) slog.Handler       { return a }
func (a askBack) WithGroup(string) slog.Handler            { return a }

func (a askBack) Handle(_ context.Context, r slog.Record) error {
	a.ask("log: " + r.Message)
	return nil
}

// schemed is a transport that dials addresses of one scheme only.
type schemed struct{ core.Transport }

func (schemed) Schemes() []string { return []string{"mem"} }

// TestNothingIsToldUnderALock: observers and log handlers may call the node, whatever
// they are called for.
func TestNothingIsToldUnderALock(t *testing.T) {
	w := newWorld(t)
	asking := askBack{t, new(atomic.Pointer[node.Node]), new(sync.Mutex), map[string]bool{}}
	a := w.make("a", func(cfg *core.Config) {
		cfg.Observer, cfg.Logger = asking, slog.New(asking)
		cfg.Transport = schemed{cfg.Transport}
		cfg.QueueBytes, cfg.MaxFrame = 64<<10, 512<<10
		cfg.RedialMin, cfg.RedialMax = time.Millisecond, time.Millisecond
	})
	asking.node.Store(a.Node)
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := w.start("b")
	if _, err := b.OpenRaw("/fetch", &recorder{}); err != nil { // which never answers
		t.Fatal(err)
	}
	told := func(what string) func() bool {
		return func() bool {
			asking.mu.Lock()
			defer asking.mu.Unlock()
			for name := range asking.told {
				if strings.HasPrefix(name, what) {
					return true
				}
			}
			return false
		}
	}
	fetching, err := a.Adapter("/fetch", coretest.NewHost())
	if err != nil {
		t.Fatal(err)
	}
	await.Condition(t, "peers", func() bool {
		return slices.Equal(a.Cluster.Members(), []string{"b"}) && slices.Equal(fetching.Servers(), []string{"a", "b"})
	})
	w.roster.Tell(core.Peer{ID: "b", Address: "mem://b"}, core.Peer{ID: "c", Address: "other://c"})
	await.Condition(t, "a strange address", told("log: ignoring peers whose addresses"))
	a.emit(strings.Repeat("x", 1<<20))
	await.Condition(t, "a message that is too large", told("log: cannot send a message"))
	w.net.Hang("b")
	_ = fetching.FetchSockets(t.Context(), core.Target{})
	await.Condition(t, "volatile messages are dropped", func() bool {
		a.Publish(&core.Message{Kind: core.KindBroadcast, Payload: coretest.Event(strings.Repeat("x", 1000)), To: core.Target{Flags: core.Flags{Volatile: true}}})
		return told("Dropped: " + core.ErrSlowPeer.Error())()
	})
	await.Condition(t, "the peer is cut", func() bool {
		a.emit(strings.Repeat("x", 10_000))
		return told("PeerDown")()
	})
	for _, what := range []string{"log: node started", "PeerUp", "log: peer up", "log: peer is too slow", "log: peer lost", "RequestBegun", "RequestDone", "Dropped: " + core.ErrUnsupported.Error()} {
		await.Condition(t, what, told(what))
	}
	w.net.Resume("b")
	w.roster.Truth()
	a.stop()
	if !told("log: node stopped")() {
		t.Error("nobody was told of the end")
	}
}

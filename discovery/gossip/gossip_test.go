package gossip

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/discovery/discoverytest"
	"github.com/socketmesh/mesh/internal/loopback"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	// The library's probe of a node ends when its time is up, or later, after Shutdown.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probeNode"))
}

// quick are options for nodes of one machine.
func quick(seeds ...string) Options {
	return Options{Listen: "127.0.0.1:0", Network: "local", Seeds: seeds, RejoinMin: 50 * time.Millisecond, RejoinMax: 200 * time.Millisecond, LeaveTimeout: time.Second}
}

// TestConformance: every node has the gossip addresses of all as seeds, as servers have
// that are started with one list. They join each other whichever is first.
func TestConformance(t *testing.T) {
	discoverytest.Run(t, discoverytest.Features{Announces: true, Patience: time.Minute}, func(t *testing.T) func() core.Discovery {
		var all []string
		for range 12 {
			all = append(all, loopback.FreeAddress(t))
		}
		next := 0
		return func() core.Discovery {
			o := quick(all...)
			o.Listen = all[next%len(all)]
			next++
			o.Keys = [][]byte{Key("secret")}
			return New(o)
		}
	})
}

// running is a Discovery that runs.
type running struct {
	*Discovery
	*discoverytest.Running
}

// run returns when the node gossips: then it has an address, and reports its first roster.
func run(t *testing.T, id string, o Options) running {
	t.Helper()
	d := New(o)
	r := running{d, discoverytest.Start(t, d, node(id))}
	r.Next("its first roster", func([]core.Peer) bool { return true })
	return r
}

func node(id string) core.Peer { return core.Peer{ID: id, Address: "ws://" + id + ":4000"} }

// nodes are those of these ids.
func nodes(ids ...string) (peers []core.Peer) {
	for _, id := range ids {
		peers = append(peers, node(id))
	}
	return peers
}

// TestOneSeedIsEnough: nodes that know one other learn of all.
func TestOneSeedIsEnough(t *testing.T) {
	a := run(t, "a", quick())
	a.Want(nodes("a")...)
	b := run(t, "b", quick(a.Addr()))
	c := run(t, "c", quick(b.Addr()))
	for _, r := range []running{a, b, c} {
		r.Want(nodes("a", "b", "c")...)
	}
	if e := c.Endpoints()[0]; !e.Heard || e.Peers != 3 || e.Err != nil || e.Last.IsZero() {
		t.Errorf("the endpoint is told as %+v", e)
	}
	c.Stop()
	a.Want(nodes("a", "b")...)
	b.Want(nodes("a", "b")...)
	if c.Addr() != "" || c.Endpoints()[0].Heard {
		t.Errorf("after the end it gossips at %q", c.Addr())
	}
}

// TestSeedsThatComeLater: a node joins its seed when that is there, and again when it was
// away.
func TestSeedsThatComeLater(t *testing.T) {
	var log coretest.Log
	address := loopback.FreeAddress(t)
	o := quick(address)
	o.Logger = log.Logger()
	b := run(t, "b", o)
	b.Want(nodes("b")...)
	if !log.Await("WARN", "nobody answers the gossip", time.Minute) {
		t.Fatal("it does not tell that nobody answers")
	}
	if e := b.Endpoints()[0]; e.Heard || e.Err == nil {
		t.Errorf("the endpoint is told as %+v", e)
	}
	for range 2 {
		o := quick()
		o.Listen = address
		a := run(t, "a", o)
		b.Want(nodes("a", "b")...)
		a.Stop()
		b.Want(nodes("b")...)
	}
	if n := log.Count("WARN", "nobody answers the gossip"); n < 1 || n > 3 {
		t.Errorf("%d warnings\n%s", n, &log)
	}
}

// TestKeys: nodes with another key, or none, are not heard. While keys are changed, two are.
func TestKeys(t *testing.T) {
	before, after := Key("before"), Key("after")
	o := quick()
	o.Keys = [][]byte{before, after}
	a := run(t, "a", o)
	with := func(keys ...[]byte) Options {
		o := quick(a.Addr())
		o.Keys = keys
		return o
	}
	b := run(t, "b", with(after, before))
	stranger, plain := run(t, "stranger", with(Key("other"))), run(t, "plain", with())
	b.Want(nodes("a", "b")...)
	c := run(t, "c", with(before))
	a.Want(nodes("a", "b", "c")...)
	c.Want(nodes("a", "b", "c")...)
	stranger.Want(nodes("stranger")...)
	plain.Want(nodes("plain")...)
	if slices.Equal(before, after) || len(before) != 32 {
		t.Error("keys are alike, or of another length")
	}
}

// TestLabels: two meshes in one network do not mix.
func TestLabels(t *testing.T) {
	labelled := func(label string, seeds ...string) Options {
		o := quick(seeds...)
		o.Label = label
		return o
	}
	a := run(t, "a", labelled("one"))
	x := run(t, "x", labelled("two", a.Addr()))
	b := run(t, "b", labelled("one", a.Addr()))
	a.Want(nodes("a", "b")...)
	b.Want(nodes("a", "b")...)
	x.Want(nodes("x")...)
}

// TestTooManyNodes: those above MaxPeers are ignored, counted, and logged once.
func TestTooManyNodes(t *testing.T) {
	var log coretest.Log
	o := quick()
	o.MaxPeers, o.Logger = 2, log.Logger()
	a := run(t, "a", o)
	run(t, "b", quick(a.Addr()))
	a.Want(nodes("a", "b")...)
	run(t, "c", quick(a.Addr()))
	if !log.Await("WARN", "too many nodes gossip", time.Minute) || a.Stats().Ignored == 0 {
		t.Fatalf("%d nodes are ignored\n%s", a.Stats().Ignored, &log)
	}
	if n := log.Count("WARN", "too many nodes gossip"); n != 1 {
		t.Errorf("%d warnings: want one", n)
	}
	if unread := a.Unread(); len(unread) > 0 {
		t.Errorf("reported %v", unread)
	}
}

func TestOptions(t *testing.T) {
	self := core.Peer{ID: "a", Address: "ws://a:1"}
	for _, c := range []struct {
		field string
		o     Options
		self  core.Peer
	}{
		{"Listen", Options{Listen: "x"}, self},
		{"Advertise", Options{Advertise: "name:1"}, self},
		{"Seeds[1]", Options{Seeds: []string{"a:1", "b"}}, self},
		{"Keys[0]", Options{Keys: [][]byte{[]byte("secret")}}, self},
		{"Label", Options{Label: strings.Repeat("x", 300)}, self},
		{"Network", Options{Network: "moon"}, self},
		{"RejoinMin", Options{RejoinMin: -1}, self},
		{"RejoinMax", Options{RejoinMin: time.Hour, RejoinMax: time.Minute}, self},
		{"LeaveTimeout", Options{LeaveTimeout: -1}, self},
		{"MaxPeers", Options{MaxPeers: -1}, self},
		{"ID", Options{}, core.Peer{Address: "ws://a:1"}},
		{"Advertise", Options{}, core.Peer{ID: "a"}},
		{"Advertise", Options{}, core.Peer{ID: "a", Address: "ws://" + strings.Repeat("a", 500)}},
	} {
		err := New(c.o).Run(t.Context(), c.self, nil)
		if bad, ok := errors.AsType[*core.ConfigError](err); !ok || bad.Field != c.field {
			t.Errorf("%+v: %v, want an error of %s", c.o, err, c.field)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the key: %v", err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := New(Options{Listen: l.Addr().String()}).Run(t.Context(), self, nil); err == nil || !strings.Contains(err.Error(), fmt.Sprint("listening on ", l.Addr())) {
		t.Errorf("a port that is taken: %v", err)
	}
}

package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/e2e/internal/procs"
	"github.com/socketmesh/mesh/internal/cluster"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/transport/mem"
)

// patience is how long anything may take that ought to happen. A run on a busy
// machine is slow, not wrong.
const patience = time.Minute

// world is a mesh on one stack.
type world struct {
	*testing.T
	transport string
	codec     string
	net       *mem.Network // nil over sockets
	roster    *coretest.Roster
	fences    atomic.Int64
}

func newWorld(t *testing.T, transport, codec string, net *mem.Network) *world {
	return &world{T: t, transport: transport, codec: codec, net: net, roster: coretest.NewRoster()}
}

// member is a node of this process, with the two clients of [coretest.NewTestServer] in
// the main namespace.
type member struct {
	*coretest.TestServer
	*coretest.RecordingObserver
	node   *node.Node
	check  coretest.SequenceCheck
	log    coretest.Log
	saying sync.Mutex
	sent   atomic.Int64 // numbered messages
}

// config is that of a node of this process.
func (w *world) config(id string) core.Config {
	w.Helper()
	cfg := core.Config{
		ID:             id,
		Codecs:         []core.Codec{newCodec(w.codec)},
		Discovery:      w.roster.Discovery(),
		RequestTimeout: 2 * patience, // nothing waits for it
	}
	if w.net != nil {
		cfg.Listen, cfg.Advertise = id, "mem://"+id
		cfg.Transport = w.net.Transport(id)
		return cfg
	}
	cfg.Listen, cfg.Advertise = "127.0.0.1:0", w.transport+"://127.0.0.1:0"
	var err error
	if cfg.Transport, err = shared[w.transport](); err != nil {
		w.Fatal(err)
	}
	return cfg
}

// start runs a node.
func (w *world) start(id string, change ...func(*core.Config)) *member {
	w.Helper()
	return w.startSpeaking(id, nil, change...)
}

// startSpeaking runs a node of another version.
func (w *world) startSpeaking(id string, d *node.Dialect, change ...func(*core.Config)) *member {
	w.Helper()
	m := &member{RecordingObserver: &coretest.RecordingObserver{}}
	cfg := w.config(id)
	cfg.Observer, cfg.Logger = m.RecordingObserver, m.log.Logger()
	for _, c := range change {
		c(&cfg)
	}
	var err error
	if m.node, err = node.New(cfg, cluster.New); err != nil {
		w.Fatal(err)
	}
	m.node.Speak(d)
	if m.TestServer, err = coretest.NewTestServer(m.node, "/"); err != nil {
		w.Fatal(err)
	}
	m.Host.Before(keep(&m.check))
	if err := m.node.Start(w.Context()); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		m.stop()
		if w.Failed() && w.net == nil {
			w.Logf("log of %s:\n%s", id, m.log.String())
		}
	})
	return m
}

// keep notes the numbered messages of a host in a check.
func keep(c *coretest.SequenceCheck) func(coretest.Call) {
	return func(call coretest.Call) {
		if sender, n, ok := coretest.NumberOf(call.Event); ok {
			c.Take(sender, n)
		}
	}
}

func (m *member) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return m.node.Shutdown(ctx)
}

// say broadcasts the next numbered message, with so many bytes of padding.
func (m *member) say(padding int) {
	m.saying.Lock()
	defer m.saying.Unlock()
	n := int(m.sent.Add(1))
	m.Broadcast(coretest.Numbered(m.ID, n, padding), core.Target{})
}

// eventually waits until check finds nothing wrong.
func (w *world) eventually(check func() error) {
	w.Helper()
	procs.Eventually(w, patience, check)
}

// meet waits until the members, and none but them and those others, know each
// other.
func (w *world) meet(members []*member, others ...string) {
	w.Helper()
	want := slices.Clone(others)
	for _, m := range members {
		want = append(want, m.ID)
	}
	slices.Sort(want)
	w.eventually(func() error {
		for _, m := range members {
			got := m.Servers()
			slices.Sort(got)
			if !slices.Equal(got, want) {
				return fmt.Errorf("%s sees %q, want %q", m.ID, got, want)
			}
		}
		return nil
	})
}

// settle waits until everything that the servers have sent so far has been done
// everywhere: messages of one server arrive in order.
func (w *world) settle(servers ...*coretest.TestServer) {
	w.Helper()
	fence := fmt.Sprint("fence ", w.fences.Add(1))
	for _, s := range servers {
		s.Broadcast(coretest.Event("fence"), core.Target{Rooms: []string{fence}})
	}
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	for _, s := range servers {
		err := s.Host.Until(ctx, func() bool {
			n := 0
			for _, call := range s.Host.Calls() {
				if slices.Contains(call.To.Rooms, fence) {
					n++
				}
			}
			return n == len(servers)
		})
		if err != nil {
			w.Fatalf("%s has not heard all of what was sent: %v", s.ID, err)
		}
	}
}

// heard waits until a member has got the sender's numbered messages up to one.
func (w *world) heard(m *member, sender string, upTo int64) {
	w.Helper()
	w.eventually(func() error {
		if _, last := m.check.Got(sender); int64(last) < upTo {
			return fmt.Errorf("%s has heard %d messages of %s, not %d", m.ID, last, sender, upTo)
		}
		return nil
	})
}

// complete checks that a member has got exactly those messages of a sender that
// lie between two numbers, and nothing twice or out of order of anybody.
func (w *world) complete(m *member, sender string, from, to int64) {
	w.Helper()
	w.heard(m, sender, to)
	first, last := m.check.Got(sender)
	if int64(first) != from || int64(last) != to {
		w.Errorf("%s has heard %d to %d of %s, not %d to %d", m.ID, first, last, sender, from, to)
	}
	if err := m.check.Err(); err != nil {
		w.Errorf("%s: %v", m.ID, err)
	}
}

// chat has a member say something all the time, until stop is called, which
// returns when it has stopped.
func (w *world) chat(m *member) (stop func()) {
	ctx, cancel := context.WithCancel(w.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for ctx.Err() == nil {
			m.say(0)
			time.Sleep(time.Millisecond)
		}
	}()
	stop = func() {
		cancel()
		<-stopped
	}
	w.Cleanup(stop)
	return stop
}

func (w *world) want(what string, got, want any) {
	w.Helper()
	if a, b := fmt.Sprint(got), fmt.Sprint(want); a != b {
		w.Errorf("%s: %.200s, want %.200s", what, a, b)
	}
}

func (w *world) wantErr(what string, got, want error) {
	w.Helper()
	if !errors.Is(got, want) {
		w.Errorf("%s: %v, want %v", what, got, want)
	}
}

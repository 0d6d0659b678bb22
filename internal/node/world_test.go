package node_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/codec/msgpack"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/cluster"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/transport/mem"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // of parts that are given no logger
	goleak.VerifyTestMain(m)
}

// world is a cluster in virtual time: nodes on a network in memory that find each other
// through one roster.
type world struct {
	t      *testing.T
	net    *mem.Network
	roster *coretest.Roster
}

func newWorld(t *testing.T, opts ...mem.Option) *world {
	return &world{t, mem.NewNetwork(opts...), coretest.NewRoster()}
}

// server is a node of the world with one namespace, and what it has heard.
type server struct {
	*node.Node
	core.Cluster
	*recorder
	*coretest.RecordingObserver
	logs *coretest.Log
}

func (s *server) ID() string { return s.Node.ID() }

// start runs a node on the host of this name. Its id is the name, unless changed.
func (w *world) start(host string, change ...func(*core.Config)) *server {
	w.t.Helper()
	return w.startSpeaking(host, nil, change...)
}

// startSpeaking runs a node of another version.
func (w *world) startSpeaking(host string, d *node.Dialect, change ...func(*core.Config)) *server {
	w.t.Helper()
	s := w.make(host, change...)
	s.Speak(d)
	if err := s.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) make(host string, change ...func(*core.Config)) *server {
	w.t.Helper()
	s := &server{recorder: &recorder{heard: make(chan struct{}, 1)}, RecordingObserver: &coretest.RecordingObserver{}, logs: &coretest.Log{}}
	cfg := core.Config{
		ID: host, Listen: host, Advertise: "mem://" + host,
		Transport: w.net.Transport(host),
		Codecs:    []core.Codec{json.New(), msgpack.New()},
		Discovery: w.roster.Discovery(),
		Observer:  s.RecordingObserver,
		Logger:    s.logs.Logger(),
	}
	for _, c := range change {
		c(&cfg)
	}
	node, err := node.New(cfg, cluster.New)
	if err != nil {
		w.t.Fatal(err)
	}
	s.Node = node
	if s.Cluster, err = node.OpenRaw("/", s.recorder); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { s.stop() })
	return s
}

func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s.Shutdown(ctx)
}

func (s *server) emit(texts ...string) {
	for _, text := range texts {
		s.Publish(&core.Message{Kind: core.KindBroadcast, Payload: coretest.Event(text)})
	}
}

// recorder is a receiver that keeps what it receives, as "from: text".
type recorder struct {
	mu       sync.Mutex
	messages []string
	members  []string // "+id", "-id"
	causes   []error
	heard    chan struct{}
	gate     chan struct{} // if set, there is no capacity, and nothing is heard, until it is closed
	waiting  []string
}

func (r *recorder) Receive(m *core.Message) (capacity <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(r.waiting, m.From+": "+strings.Trim(string(m.Payload.Text), `[]"`))
	r.hear()
	if len(r.waiting) > 0 {
		return r.gate
	}
	return nil
}

// hear hears what waits, if the gate is open; mu is held.
func (r *recorder) hear() {
	if r.gate != nil {
		select {
		case <-r.gate:
		default:
			return
		}
	}
	r.messages = append(r.messages, r.waiting...)
	r.waiting = nil
}

func (r *recorder) MemberJoined(id string) { r.note("+"+id, nil) }

func (r *recorder) MemberLeft(id string, cause error) { r.note("-"+id, cause) }

func (r *recorder) note(event string, cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members = append(r.members, event)
	r.causes = append(r.causes, cause)
}

func (r *recorder) received() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hear()
	return slices.Clone(r.messages)
}

func (r *recorder) membership() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.members, " ")
}

func (r *recorder) lastCause() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.causes) == 0 {
		return nil
	}
	return r.causes[len(r.causes)-1]
}

// expectMembers checks that each server has all the others as members of the namespace.
func expectMembers(t *testing.T, servers ...*server) {
	t.Helper()
	for _, s := range servers {
		var want []string
		for _, other := range servers {
			if other != s {
				want = append(want, other.ID())
			}
		}
		got := s.Members()
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", s.ID(), got, want)
		}
	}
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func expectList(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func rooms(names ...string) core.Target { return core.Target{Rooms: names} }

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// within lets virtual time pass. What has to happen happens in that time.
func within(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

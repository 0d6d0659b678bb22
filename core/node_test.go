package core_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	"github.com/socketmesh/mesh/transport/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a cluster in a bubble: nodes on a network in memory that find each
// other through one roster.
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
	*core.Node
	core.Cluster
	*recorder
	*journal
	logs *logBuffer
}

func (s *server) ID() string { return s.Node.ID() }

// start runs a node on the host of this name. Its id is the name, unless changed.
func (w *world) start(host string, change ...func(*core.Config)) *server {
	w.t.Helper()
	s := w.make(host, change...)
	if err := s.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) make(host string, change ...func(*core.Config)) *server {
	w.t.Helper()
	s := &server{recorder: &recorder{heard: make(chan struct{}, 1)}, journal: &journal{}, logs: &logBuffer{}}
	cfg := core.Config{
		ID: host, Listen: host, Advertise: "mem://" + host,
		Transport: w.net.Transport(host),
		Codecs:    []core.Codec{json.New(), msgpack.New()},
		Discovery: w.roster.Discovery(),
		Observer:  s.journal,
		Logger:    slog.New(slog.NewTextHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&cfg)
	}
	node, err := core.New(cfg)
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

// recorder is a receiver that remembers. What it remembers is "from: text".
type recorder struct {
	mu       sync.Mutex
	messages []string
	members  []string // "+id", "-id"
	causes   []error
	heard    chan struct{}
	gate     chan struct{} // if set, Receive waits for it
}

func (r *recorder) Receive(m *core.Message) {
	if r.gate != nil {
		<-r.gate
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, m.From+": "+strings.Trim(string(m.Payload.Text), `[]"`))
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

// journal is an observer that remembers.
type journal struct {
	mu      sync.Mutex
	events  []string
	refused []error
	dropped []error
	lost    uint64
}

func (j *journal) add(event string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, event)
}

func (j *journal) PeerUp(p core.PeerInfo)              { j.add("up " + p.ID) }
func (j *journal) PeerDown(p core.PeerInfo, why error) { j.add("down " + p.ID) }
func (j *journal) Sent(string, core.Kind, int)         {}
func (j *journal) Received(string, core.Kind, int)     {}
func (j *journal) RequestDone(core.RequestInfo)        {}
func (j *journal) Dropped(p string, k core.Kind, e error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.dropped = append(j.dropped, e)
}
func (j *journal) Refused(remote string, why error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refused = append(j.refused, why)
}
func (j *journal) Gap(peer string, lost uint64) { j.mu.Lock(); defer j.mu.Unlock(); j.lost += lost }

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.events, ", ")
}

func (j *journal) refusedWith(target error) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, err := range j.refused {
		if errors.Is(err, target) {
			n++
		}
	}
	return n
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) count(level, text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for line := range strings.Lines(b.buf.String()) {
		if strings.Contains(line, "level="+level) && strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// expectMembers checks who has the namespace, as each server sees it.
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

func TestNodesMeet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.start("a"), w.start("b"), w.start("c")
		within(10 * time.Millisecond)
		expectMembers(t, a, b, c)
		a.emit("1", "2")
		c.emit("3")
		within(10 * time.Millisecond)
		expectList(t, "b", slices.Sorted(slices.Values(b.received())), "a: 1", "a: 2", "c: 3")
		expectList(t, "a", a.received(), "c: 3")
		expectList(t, "c", c.received(), "a: 1", "a: 2")
		expect(t, "a's journal", strings.Count(a.journal.String(), "up"), 2)

		d := w.start("d")
		within(10 * time.Millisecond)
		expectMembers(t, a, b, c, d)
		if err := b.SendTo("d", &core.Message{Kind: core.KindBroadcast, Payload: coretest.Event("only you")}); err != nil {
			t.Error(err)
		}
		if err := b.SendTo("x", &core.Message{Kind: core.KindBroadcast}); !errors.Is(err, core.ErrNoServer) {
			t.Errorf("to nobody: %v", err)
		}
		within(10 * time.Millisecond)
		expectList(t, "d", d.received(), "b: only you")
		expect(t, "idle links have no traffic to speak of", len(a.received()), 1)
	})
}

func TestNamespacesOpenAndClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a"), w.start("b")
		within(10 * time.Millisecond)
		there, here := &recorder{}, &recorder{}
		chatA, err := a.OpenRaw("/chat", there)
		if err != nil {
			t.Fatal(err)
		}
		within(10 * time.Millisecond)
		expect(t, "members while only a has it", len(chatA.Members()), 0)
		chatB, _ := b.OpenRaw("/chat", here)
		if _, err := b.OpenRaw("/chat", here); !errors.Is(err, core.ErrNamespaceOpen) {
			t.Errorf("opened twice: %v", err)
		}
		expectList(t, "b knows at once", chatB.Members(), "a")
		within(10 * time.Millisecond)
		expectList(t, "a knows", chatA.Members(), "b")
		chatA.Publish(&core.Message{Kind: core.KindBroadcast, Payload: coretest.Event("x")})
		within(10 * time.Millisecond)
		expectList(t, "b's chat", here.received(), "a: x")
		expectList(t, "b's main namespace", b.received())
		chatB.Leave()
		within(10 * time.Millisecond)
		expect(t, "a's view", there.membership(), "+b -b")
		if !errors.Is(there.lastCause(), core.ErrPeerLeft) {
			t.Errorf("cause: %v", there.lastCause())
		}
		expectMembers(t, a, b)
		if _, err := b.OpenRaw("/chat", here); err != nil {
			t.Errorf("open again: %v", err)
		}
		within(10 * time.Millisecond)
		expectList(t, "a knows again", chatA.Members(), "b")
	})
}

func TestKilledPeerIsGoneAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.start("a"), w.start("b"), w.start("c")
		within(10 * time.Millisecond)
		w.net.Kill("b")
		within(10 * time.Millisecond)
		expectMembers(t, a, c)
		expect(t, "a lost", strings.Count(a.membership(), "-"), 1)
		if !strings.HasSuffix(a.membership(), "-b") {
			t.Errorf("a saw %s", a.membership())
		}
		b.stop()
		again := w.start("b", func(cfg *core.Config) { cfg.ID = "b2" })
		within(time.Second)
		expectMembers(t, a, c, again)
	})
}

func TestHungPeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.start("a"), w.start("b"), w.start("c")
		within(10 * time.Millisecond)
		w.net.Hang("b")
		within(3 * time.Second)
		a.emit("x")
		within(10 * time.Millisecond)
		expectList(t, "c is not held up", c.received(), "a: x")
		expectMembers(t, a, b, c)
		within(9 * time.Second)
		expectMembers(t, a, c)
		if !errors.Is(a.lastCause(), core.ErrSilentPeer) {
			t.Errorf("cause: %v", a.lastCause())
		}
		w.net.Resume("b")
		within(31 * time.Second)
		expectMembers(t, a, b, c)
	})
}

func TestRostersNeverEndLinks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.start("a"), w.start("b"), w.start("c")
		within(10 * time.Millisecond)
		for _, lie := range [][]core.Peer{
			{},
			{{ID: "a", Address: "mem://a"}},
			{{ID: "b", Address: "mem://nowhere"}},
			{{ID: "b", Address: "mem://c"}, {ID: "c", Address: "mem://b"}},
			{{ID: "zz", Address: ""}, {ID: "", Address: "mem://a"}, {ID: "y", Address: "mem://nowhere"}},
		} {
			w.roster.Tell(lie...)
			within(time.Minute)
			expectMembers(t, a, b, c)
			a.emit("still here")
		}
		within(10 * time.Millisecond)
		expect(t, "messages at b", len(b.received()), 5)
		expect(t, "messages at c", len(c.received()), 5)
		expect(t, "a saw", strings.Count(a.journal.String(), "down"), 0)
		w.roster.Truth()
		d := w.start("d")
		within(time.Second)
		expectMembers(t, a, b, c, d)
	})
}

// A link that breaks while the roster is empty is dialled again all the same.
func TestLostLinkIsRedialledWithoutRoster(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a"), w.start("b")
		within(10 * time.Millisecond)
		w.roster.Tell()
		within(time.Hour)
		w.net.Cut("a", "b")
		within(time.Second)
		expectMembers(t, a, b)
	})
}

func TestPartitionHeals(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.start("a"), w.start("b"), w.start("c")
		within(10 * time.Millisecond)
		w.net.Partition("a", "b")
		within(16 * time.Second)
		expectList(t, "a sees", a.Members(), "c")
		expectList(t, "b sees", b.Members(), "c")
		expect(t, "c sees", len(c.Members()), 2)
		w.net.Heal("a", "b")
		within(31 * time.Second)
		expectMembers(t, a, b, c)
	})
}

// statically makes a node know its peers by address only.
func statically(hosts ...string) func(*core.Config) {
	return func(cfg *core.Config) { cfg.Discovery = staticList(hosts) }
}

type staticList []string

func (s staticList) Name() string { return "list" }

func (s staticList) Run(ctx context.Context, _ core.Peer, update func([]core.Peer)) error {
	peers := make([]core.Peer, len(s))
	for i, host := range s {
		peers[i].Address = "mem://" + host
	}
	update(peers)
	<-ctx.Done()
	return nil
}

// Where both nodes dial, one link stays, and nothing that was sent on either is
// lost, doubled or overtaken.
func TestBothDial(t *testing.T) {
	for _, delays := range [][2]time.Duration{{0, 0}, {5, 0}, {0, 5}, {3, 3}, {20, 1}, {1, 20}} {
		t.Run(fmt.Sprint(delays), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.net.Delay("a", "b", delays[0]*time.Millisecond)
				w.net.Delay("b", "a", delays[1]*time.Millisecond)
				a, b := w.make("a", statically("a", "b")), w.make("b", statically("b", "a"))
				if err := errors.Join(a.Start(t.Context()), b.Start(t.Context())); err != nil {
					t.Fatal(err)
				}
				var fromA, fromB []string
				for i := range 200 {
					text := fmt.Sprint(i)
					if len(a.Peers()) > 0 {
						a.emit(text)
						fromA = append(fromA, "a: "+text)
					}
					if len(b.Peers()) > 0 {
						b.emit(text)
						fromB = append(fromB, "b: "+text)
					}
					time.Sleep(time.Millisecond / 2)
				}
				within(time.Second)
				expectList(t, "b got", b.received(), fromA...)
				expectList(t, "a got", a.received(), fromB...)
				expectMembers(t, a, b)
				expect(t, "a's links", a.Links("b"), 1)
				expect(t, "b's links", b.Links("a"), 1)
				expect(t, "a's journal", a.journal.String(), "up b")
				within(time.Minute)
				expect(t, "a's journal later", a.journal.String(), "up b")
				if len(fromA) < 50 || len(fromB) < 50 {
					t.Errorf("sent only %d and %d", len(fromA), len(fromB))
				}
			})
		})
	}
}

// What is sent on the link that stays does not overtake what is under way on the
// one that goes.
func TestNewLinkWaitsForTheOld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.roster.Tell()
		a, b := w.start("a"), w.start("b", statically("a"))
		within(time.Second)
		w.net.Delay("a", "b", 100*time.Millisecond)
		a.emit("1", "2")
		synctest.Wait()
		w.net.Delay("a", "b", 0)
		w.roster.Tell(core.Peer{Address: "mem://b"}) // a dials too, and being smaller its link stays
		synctest.Wait()
		expect(t, "links for now", b.Links("a"), 2)
		a.emit("3", "4")
		within(50 * time.Millisecond)
		expectList(t, "b before the old link has ended", b.received())
		within(time.Second)
		expectList(t, "b", b.received(), "a: 1", "a: 2", "a: 3", "a: 4")
		expect(t, "links", a.Links("b"), 1)
	})
}

// What is asked of a peer that has lost sight of this node is asked in vain: the
// receiver hears that the peer left, although it is back.
func TestPeerThatLostUsRejoins(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a"), w.start("b")
		within(time.Second)
		w.net.CutOneSide("a", "b")
		within(time.Second)
		expect(t, "a", a.membership(), "+b -b +b")
		expect(t, "b", b.membership(), "+a -a +a")
		expect(t, "b never was without a link", b.journal.String(), "up a")
	})
}

// A list that names a peer twice makes one link.
func TestTwoAddressesOfOnePeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a", statically("b", "mem://b", "a")), w.start("b", statically())
		for i := range 100 {
			a.emit(fmt.Sprint(i))
			time.Sleep(time.Millisecond)
		}
		within(time.Minute)
		expect(t, "links", a.Links("b"), 1)
		expect(t, "journal", a.journal.String(), "up b")
		got := b.received()
		for i, m := range got {
			if want := fmt.Sprintf("a: %d", 100-len(got)+i); m != want {
				t.Fatalf("message %d is %q, want %q", i, m, want)
			}
		}
	})
}

// A half-open link does not stand in the way of a new one of the same peer.
func TestHalfOpenLinkIsReplaced(t *testing.T) {
	for _, dead := range []string{"dialler", "acceptor"} {
		t.Run("dead for the "+dead, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.start("a"), w.start("b") // a dials
				within(10 * time.Millisecond)
				patience := time.Second
				if dead == "dialler" {
					w.net.CutOneSide("a", "b")
				} else {
					w.net.CutOneSide("b", "a")
					patience = 15 * time.Second // a's ping has to find out
				}
				within(patience)
				expectMembers(t, a, b)
				a.emit("from a")
				b.emit("from b")
				within(10 * time.Millisecond)
				expectList(t, "b", b.received(), "a: from a")
				expectList(t, "a", a.received(), "b: from b")
				within(time.Minute)
				expect(t, "a's links", a.Links("b"), 1)
				expect(t, "b's links", b.Links("a"), 1)
			})
		})
	}
}

// The one with the larger id can replace a link that is half open for the other,
// even though the one with the smaller id dialled it.
func TestHalfOpenLinkIsReplacedFromTheLargerSide(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a", statically("b")), w.start("b", statically("a"))
		within(time.Second)
		expect(t, "links", a.Links("b"), 1)
		w.net.CutOneSide("b", "a")
		within(4 * time.Second)
		expectMembers(t, a, b)
		b.emit("hello")
		a.emit("hello yourself")
		within(10 * time.Millisecond)
		expectList(t, "a", a.received(), "b: hello")
		expectList(t, "b", b.received(), "a: hello yourself")
		expect(t, "links", a.Links("b"), 1)
	})
}

func TestSlowPeerIsCutAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(4<<10))
		small := func(cfg *core.Config) { cfg.QueueBytes = 64 << 10 }
		a, _, c := w.start("a", small), w.start("b", small), w.start("c", small)
		within(10 * time.Millisecond)
		w.net.Hang("b")
		text := strings.Repeat("x", 1000)
		for range 200 {
			a.Publish(&core.Message{Kind: core.KindBroadcast, Payload: coretest.Event(text), To: core.Target{Flags: core.Flags{Volatile: true}}})
			synctest.Wait()
		}
		expect(t, "b is not cut for volatile messages", len(a.Peers()), 2)
		expect(t, "c got", len(c.received()), 200)
		if a.Stats().Dropped == 0 {
			t.Error("nothing was dropped")
		}
		for range 100 {
			a.emit(text)
			synctest.Wait()
		}
		expect(t, "b is cut", len(a.Peers()), 1)
		expect(t, "c got", len(c.received()), 300)
		if !errors.Is(a.lastCause(), core.ErrSlowPeer) {
			t.Errorf("cause: %v", a.lastCause())
		}
	})
}

func TestOrderUnderLoad(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(8<<10))
		a, b := w.start("a"), w.start("b")
		const streams, each = 8, 1500
		var out []core.Cluster
		var in []*recorder
		for i := range streams {
			name := fmt.Sprintf("/%d", i)
			r := &recorder{}
			from, err := a.OpenRaw(name, &recorder{})
			_, err2 := b.OpenRaw(name, r)
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			out, in = append(out, from), append(in, r)
		}
		within(10 * time.Millisecond)
		var senders sync.WaitGroup
		for _, from := range out {
			senders.Go(func() {
				for i := range each {
					from.Publish(&core.Message{Kind: core.KindBroadcast, Payload: coretest.Event(fmt.Sprint(i))})
				}
			})
		}
		senders.Wait()
		within(time.Second)
		for s, r := range in {
			got := r.received()
			if len(got) != each {
				t.Fatalf("stream %d: %d messages of %d", s, len(got), each)
			}
			for i, m := range got {
				if m != fmt.Sprintf("a: %d", i) {
					t.Fatalf("stream %d, message %d: %q", s, i, m)
				}
			}
		}
	})
}

func TestGapsAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a"), w.start("b")
		within(10 * time.Millisecond)
		w.net.Partition("a", "b")
		a.emit("lost", "lost too")
		within(16 * time.Second)
		w.net.Heal("a", "b")
		within(31 * time.Second)
		expectMembers(t, a, b)
		expect(t, "lost", b.Stats().Lost, 2)
		expect(t, "observed", b.journal.lost, 2)
		expect(t, "lost the other way", a.Stats().Lost, 0)
	})
}

func TestShutdownDrains(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(1<<10))
		w.net.Delay("a", "b", 50*time.Millisecond)
		a, b := w.start("a"), w.start("b")
		within(time.Second)
		for i := range 1000 {
			a.emit(fmt.Sprint(i))
		}
		if err := a.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		within(time.Second)
		expect(t, "b got", len(b.received()), 1000)
		expect(t, "b saw", b.membership(), "+a -a")
		if !errors.Is(b.lastCause(), core.ErrPeerLeft) {
			t.Errorf("cause: %v", b.lastCause())
		}
		if err := a.Shutdown(t.Context()); err != nil {
			t.Errorf("again: %v", err)
		}
		if err := a.Start(t.Context()); !errors.Is(err, core.ErrClosed) {
			t.Errorf("start after shutdown: %v", err)
		}
	})
}

func TestShutdownIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(1<<10))
		a := w.start("a")
		w.start("b")
		within(time.Second)
		w.net.Hang("b")
		for i := range 1000 {
			a.emit(fmt.Sprint(i))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		if err := a.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "b") {
			t.Errorf("shutdown with a hung peer: %v", err)
		}
		expect(t, "it took", time.Since(began), 2*time.Second)
	})
}

func TestShutdownWithoutDeadlineEndsWithTheHungPeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(1<<10))
		a := w.start("a")
		w.start("b", func(cfg *core.Config) { cfg.HeartbeatTimeout = time.Hour })
		within(time.Second)
		w.net.Hold("a", "b")
		for i := range 1000 {
			a.emit(fmt.Sprint(i))
		}
		began := time.Now()
		if err := a.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if took := time.Since(began); took > core.DefaultHeartbeatTimeout+time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestFailedStartLeavesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.start("a")
		second := w.make("a", func(cfg *core.Config) { cfg.ID = "second" })
		if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "listen on a") {
			t.Errorf("start on a taken address: %v", err)
		}
	})
}

func TestNodeThatNeverStarted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.make("a")
		a.emit("to nobody")
		expect(t, "address", a.Addr(), "")
		if err := a.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestDiallingOneself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a", statically("a", "elsewhere"), func(cfg *core.Config) { cfg.Advertise = "mem://other-name" })
		within(time.Minute)
		expect(t, "peers", len(a.Peers()), 0)
		expect(t, "tries", a.refusedWith(core.ErrSelf), 2) // both ends, once
	})
}

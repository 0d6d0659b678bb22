package ops_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/ops"
)

func TestWhole(t *testing.T) {
	nodes := fakes(t, ops.Options{}, "a", "b", "c")
	for _, f := range nodes {
		var c ops.Cluster
		call(t, f.handler, "GET", "/api/v1/cluster", "", &c)
		if !c.Whole || len(c.Nodes) != 3 || len(c.Problems)+len(c.Unanswered) > 0 || c.AnsweredBy != f.id {
			t.Errorf("%s: %+v", f.id, c)
		}
	}
}

// TestProblemsAreNamed: what is wrong is named, with the end that sees it.
func TestProblemsAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(map[string]*fake)
		want   []string // kind, node, peer
	}{
		"a link is missing at one end": {func(n map[string]*fake) { n["b"].unlink("c") }, []string{"missing-link b c"}},
		"at both":                      {func(n map[string]*fake) { n["b"].unlink("c"); n["c"].unlink("b") }, []string{"missing-link b c", "missing-link c b"}},
		"discovery does not say":       {func(n map[string]*fake) { n["b"].unlink("c"); n["b"].roster = core.RosterStatus{} }, []string{"missing-link b c"}},
		"nobody is there": {func(n map[string]*fake) {
			n["b"].roster.Unlinked = []core.UnlinkedPeer{{Peer: core.Peer{Address: "ws://x"}}}
		}, []string{"unlinked b ws://x"}},
		"one hangs":           {func(n map[string]*fake) { n["c"].hung = true }, []string{"unanswered a c"}},
		"one cannot be asked": {func(n map[string]*fake) { n["a"].unlink("c") }, []string{"missing-link a c", "unanswered a c"}},
		"one lies":            {func(n map[string]*fake) { n["c"].says = []byte(`{"id":"b"}`) }, []string{"unanswered a c"}},
		"one says null":       {func(n map[string]*fake) { n["c"].says = []byte(`null`) }, []string{"unanswered a c"}},
		"one talks nonsense":  {func(n map[string]*fake) { n["c"].says = []byte("{{") }, []string{"unanswered a c"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nodes := fakes(t, ops.Options{Timeout: 50 * time.Millisecond}, "a", "b", "c")
				c.change(nodes)
				var cluster ops.Cluster
				w := call(t, nodes["a"].handler, "GET", "/api/v1/cluster", "", &cluster)
				var got []string
				for _, p := range cluster.Problems {
					got = append(got, p.Kind+" "+p.Node+" "+p.Peer)
				}
				if cluster.Whole || !slices.Equal(got, c.want) || w.Code != http.StatusOK {
					t.Errorf("%d whole %t %q, want %q\n%+v", w.Code, cluster.Whole, got, c.want, cluster.Problems)
				}
			})
		})
	}
}

// TestNoRoster: a node that nobody has told of the others does not say that it is the
// whole mesh.
func TestNoRoster(t *testing.T) {
	nodes := fakes(t, ops.Options{}, "a")
	for heard, want := range map[bool]string{true: "[]", false: "[no-roster a  static has not told of any servers yet]"} {
		if nodes["a"].state.Discovered = (time.Time{}); heard {
			nodes["a"].state.Discovered = time.Now()
		}
		var cluster ops.Cluster
		call(t, ops.NewHandler(nodes["a"], ops.Options{}), "GET", "/api/v1/cluster", "", &cluster)
		got := []string{}
		for _, p := range cluster.Problems {
			got = append(got, p.Kind+" "+p.Node+" "+p.Peer+" "+p.Text)
		}
		if fmt.Sprint(got) != want || cluster.Whole != heard {
			t.Errorf("discovery heard %t: whole %t, %q, want %s", heard, cluster.Whole, got, want)
		}
	}
}

// TestReferencePeers are seen, and not asked.
func TestReferencePeers(t *testing.T) {
	nodes := fakes(t, ops.Options{}, "a", "b")
	for _, f := range nodes {
		f.stats.Peers = append(f.stats.Peers, core.PeerStats{PeerInfo: core.PeerInfo{ID: "node-js", Address: "ws://j", Reference: true}})
	}
	var c ops.Cluster
	call(t, nodes["a"].handler, "GET", "/api/v1/cluster", "", &c)
	if !c.Whole || len(c.References) != 1 || !slices.Equal(c.References[0].SeenBy, []string{"a", "b"}) {
		t.Errorf("%+v", c)
	}
}

// TestAskersAtTheSameTimeGetOneAnswer: those who ask at the same time get one answer, so that ten open pages
// cost what one does.
func TestAskersAtTheSameTimeGetOneAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fakes(t, ops.Options{}, "a", "b")["a"]
		var first, second, later ops.Cluster
		call(t, f.handler, "GET", "/api/v1/cluster", "", &first)
		call(t, f.handler, "GET", "/api/v1/cluster", "", &second)
		if n := f.peers["b"].asked.Load(); n != 1 || !first.Time.Equal(second.Time) {
			t.Errorf("it was gathered %d times", n)
		}
		time.Sleep(time.Minute)
		if call(t, f.handler, "GET", "/api/v1/cluster", "", &later); !later.Time.After(first.Time) {
			t.Error("it is not gathered again")
		}
	})
}

// TestRoomsBySize: the largest rooms of all nodes, though no node has all of any.
func TestRoomsBySize(t *testing.T) {
	nodes := fakes(t, ops.Options{}, "a", "b", "c")
	random := rand.New(rand.NewPCG(1, 2))
	want := map[string]int{}
	for _, f := range nodes {
		s := &space{rooms: map[string]int{}}
		for i := range 2000 {
			name, members := fmt.Sprintf("room-%d", i), 1+random.IntN(10)
			if i%100 == 0 {
				members += 1000 + i
			}
			s.rooms[name] = members
			want[name] += members
		}
		f.open(s, nil)
	}
	var rooms ops.Rooms
	call(t, nodes["a"].handler, "GET", "/api/v1/rooms?limit=10", "", &rooms)
	if len(rooms.Rooms) != 10 || rooms.Matched != 6000 || !rooms.Exact {
		t.Fatalf("%d rooms of %d, exact %t", len(rooms.Rooms), rooms.Matched, rooms.Exact)
	}
	for i, r := range rooms.Rooms {
		if name := fmt.Sprintf("room-%d", 1900-100*i); r.Name != name || r.Members != want[name] || r.Nodes != 3 || r.Namespace != "/" {
			t.Errorf("%d: %+v, want %s with %d", i, r, name, want[name])
		}
	}
	call(t, nodes["a"].handler, "GET", "/api/v1/rooms?pattern=*-190?&limit=100", "", &rooms)
	if len(rooms.Rooms) != 10 || rooms.Rooms[0].Name != "room-1900" {
		t.Errorf("of a pattern: %+v", rooms.Rooms)
	}
	call(t, nodes["a"].handler, "GET", "/api/v1/rooms?node=b&limit=1", "", &rooms)
	if len(rooms.Rooms) != 1 || rooms.Rooms[0].Nodes != 1 || rooms.Matched != 2000 {
		t.Errorf("of one node: %+v", rooms)
	}
}

// TestRoomsByName: pages have every room once, with all of its members.
func TestRoomsByName(t *testing.T) {
	nodes := fakes(t, ops.Options{}, "a", "b")
	for i, f := range []*fake{nodes["a"], nodes["b"]} {
		s := &space{rooms: map[string]int{}}
		for n := range 250 {
			s.rooms[fmt.Sprintf("r%03d", n+100*i)] = 1
		}
		f.open(s, nil)
	}
	var all []ops.Room
	after := ""
	for range 100 {
		var page ops.Rooms
		call(t, nodes["b"].handler, "GET", "/api/v1/rooms?sort=name&limit=17&after="+after, "", &page)
		all = append(all, page.Rooms...)
		if after = page.Next; after == "" {
			break
		}
	}
	if len(all) != 350 {
		t.Fatalf("%d rooms", len(all))
	}
	for i, r := range all {
		members := 1
		if i >= 100 && i < 250 {
			members = 2
		}
		if r.Name != fmt.Sprintf("r%03d", i) || r.Members != members {
			t.Errorf("%d: %+v", i, r)
		}
	}
}

// TestSockets: pages have every socket once; rooms and ids filter.
func TestSockets(t *testing.T) {
	nodes := fakes(t, ops.Options{}, "a", "b")
	for _, f := range nodes {
		s := &space{sockets: map[string][]string{}}
		for n := range 100 {
			s.sockets[fmt.Sprintf("%s%03d", f.id, n)] = []string{fmt.Sprint("mod", n%10), "all"}
		}
		f.open(s, nil)
	}
	for query, want := range map[string]int{"": 200, "room=mod3": 20, "pattern=a*": 100, "pattern=?00?": 20, "node=b": 100, "namespace=/none": 0} {
		seen := map[string]bool{}
		after, before := "", ""
		for range 100 {
			var page ops.Sockets
			call(t, nodes["a"].handler, "GET", "/api/v1/sockets?limit=13&after="+after+"&"+query, "", &page)
			for _, s := range page.Sockets {
				if s.ID <= before || s.Node != s.ID[:1] || len(s.Rooms) != 2 || s.RoomCount != 2 || s.Transport != "websocket" {
					t.Errorf("%s: %+v behind %s", query, s, before)
				}
				before, seen[s.ID] = s.ID, true
			}
			if after = page.Next; after == "" {
				break
			}
		}
		if len(seen) != want {
			t.Errorf("%q: %d sockets, want %d", query, len(seen), want)
		}
	}
}

// TestHostileNames: whatever rooms are called, the answer is JSON of bounded length.
func TestHostileNames(t *testing.T) {
	nodes := fakes(t, ops.Options{}, "a", "b")
	s := &space{rooms: map[string]int{}, sockets: map[string][]string{}}
	names := []string{"\xff\xfe", "<script>alert(1)</script>", "\x1b[2J", strings.Repeat("é", 1<<16), "\x00", "\u202e", `"`, "a\nb", strings.Repeat("\xc3", 300)}
	for i, name := range names {
		s.rooms[name] = i + 1
		s.sockets[fmt.Sprint(i)+name] = []string{name}
	}
	nodes["b"].open(s, nil)
	for _, target := range []string{"/api/v1/rooms", "/api/v1/rooms?sort=name", "/api/v1/rooms?pattern=*%2a*%2a*x", "/api/v1/sockets", "/api/v1/rooms?node=b"} {
		w := call(t, nodes["a"].handler, "GET", target, "", nil)
		if text := w.Body.String(); w.Code != 200 || !utf8.ValidString(text) || len(text) > 32<<10 || strings.ContainsAny(text, "<>\x1b\x00") {
			t.Errorf("%s: %d, %d bytes: %.200q", target, w.Code, len(text), text)
		}
	}
	var rooms ops.Rooms
	call(t, nodes["a"].handler, "GET", "/api/v1/rooms", "", &rooms)
	if len(rooms.Rooms) != len(names) {
		t.Errorf("%d rooms of %d", len(rooms.Rooms), len(names))
	}
}

// TestAnswersAreCut: what does not fit into an answer is left out, and that is said.
func TestAnswersAreCut(t *testing.T) {
	f := fakes(t, ops.Options{Settings: map[string]string{"Listen": ":4000"}}, "a")["a"]
	s := &space{rooms: map[string]int{}, sockets: map[string][]string{}}
	for i := range 5000 {
		s.rooms[fmt.Sprint("room", i)] = 1
		s.sockets[fmt.Sprint("socket", i)] = nil
		f.spaces = append(f.spaces, core.OpenNamespace{Name: fmt.Sprint("/space", i), State: &space{mu: f.mu}})
	}
	f.open(s, nil)
	for _, question := range []string{`{"op":"node"}`, `{"op":"rooms","rooms":{"sort":"size","limit":1000}}`, `{"op":"sockets","sockets":{"limit":1000}}`} {
		text, err := f.handler.Answer(t.Context(), core.PeerInfo{ID: "b"}, []byte(question), 10_000)
		if err != nil || len(text) > 10_000 || !strings.Contains(string(text), `"cut":`) {
			t.Errorf("%s: %d bytes, %v: %.300s", question, len(text), err, text)
		}
		if _, err := f.handler.Answer(t.Context(), core.PeerInfo{ID: "b"}, []byte(question), 10); err == nil {
			t.Errorf("%s fits into ten bytes", question)
		}
	}
}

// FuzzAnswer: whatever a peer asks, the node answers, or says why not.
func FuzzAnswer(f *testing.F) {
	for _, q := range []string{`{"op":"node"}`, `{"op":"rooms","rooms":{"sort":"size","limit":3,"only":[["/","a"]]}}`, `{"op":"rooms","rooms":{"sort":"name","limit":-1,"pattern":"*?","after":"WyIvIiwiYSJd"}}`,
		`{"op":"sockets","sockets":{"limit":100000000,"room":"a"}}`, `{"op":"watch","watch":{"links":"0","since":9,"detail":true,"rooms":true}}`, `{"op":"drain","drain":{}}`, `{"op":"dance"}`, `[]`, ``} {
		f.Add([]byte(q), 1000)
	}
	node := &fake{mu: &sync.RWMutex{}, id: "a", drained: make(chan int)}
	node.open(&space{rooms: map[string]int{"a": 1, "b\xff": 2}, sockets: map[string][]string{"s": {"a"}}}, nil)
	h := ops.NewHandler(node, ops.Options{})
	f.Cleanup(h.Close)
	f.Fuzz(func(t *testing.T, question []byte, limit int) {
		text, err := h.Answer(t.Context(), core.PeerInfo{ID: "b"}, question, limit)
		if err == nil && len(text) > limit {
			t.Errorf("%q: %d bytes, limit %d", question, len(text), limit)
		}
	})
}

// TestRoomsAreCountedOnAllNodes: also on those that have larger ones and do not list
// them at first.
func TestRoomsAreCountedOnAllNodes(t *testing.T) {
	nodes := fakes(t, ops.Options{}, "a", "b")
	nodes["a"].open(&space{rooms: map[string]int{"spread": 50}}, nil)
	other := &space{rooms: map[string]int{"spread": 5}}
	for i := range 20 {
		other.rooms[fmt.Sprint("large", i)] = 10
	}
	nodes["b"].open(other, nil)
	var rooms ops.Rooms
	call(t, nodes["a"].handler, "GET", "/api/v1/rooms?limit=1", "", &rooms)
	if want := (ops.Room{Namespace: "/", Name: "spread", Members: 55, Nodes: 2}); len(rooms.Rooms) != 1 || rooms.Rooms[0] != want || !rooms.Exact || rooms.Matched != 22 {
		t.Errorf("%+v", rooms)
	}
}

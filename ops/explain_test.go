package ops_test

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/ops"
)

// Routes sends to all linked peers, but for what the test has said.
func (f *fake) Routes(_ string, _ core.Target, size int) []core.PeerRoute {
	var routes []core.PeerRoute
	for _, p := range slices.Concat(f.stats.Peers, f.stats.Suspended) {
		r := core.PeerRoute{PeerStats: p, Sent: true, Reason: core.RouteMember, Bytes: size + 100}
		if reason, ok := f.reasons[p.ID]; ok {
			r.Reason, r.Sent = reason, reason != core.RouteNoMember
		}
		routes = append(routes, r)
	}
	return routes
}

// room opens "/" with sockets in the room "r", the first of them in "x" too.
func (f *fake) room(members int) {
	s := &space{sockets: map[string][]string{"elsewhere": {"other"}}}
	for i := range members {
		rooms := []string{"r"}
		if i == 0 {
			rooms = append(rooms, "x")
		}
		s.sockets[f.id+string(rune('A'+i))] = rooms
	}
	f.open(s, nil)
}

// TestExplain: which servers have members, which get the event, and what that costs.
func TestExplain(t *testing.T) {
	nodes := fakes(t, ops.Options{}, "a", "b", "c", "d", "e")
	for id, members := range map[string]int{"a": 1, "b": 2, "c": 0, "d": 4, "e": 8} {
		nodes[id].room(members)
	}
	b := nodes["b"]
	b.reasons = map[string]core.RouteReason{"c": core.RouteNoMember, "a": core.RouteUntold}
	b.unlink("d") // and e is suspended
	for i, p := range b.stats.Peers {
		if p.ID == "e" {
			p.Suspended = time.Now()
			b.stats.Suspended, b.stats.Peers = []core.PeerStats{p}, slices.Delete(b.stats.Peers, i, i+1)
			break
		}
	}
	b.stats.Peers[0].Codec, b.stats.Peers[0].RoundTrip, b.stats.Peers[0].QueuedBytes = "proto", 2*time.Millisecond, 77

	var e ops.Explanation
	call(t, nodes["a"].handler, "GET", "/api/v1/explain?room=r&from=b&size=1000", "", &e)
	var got []string
	for _, p := range e.Servers {
		if !p.Answered || !p.Open || p.Address != "ws://"+p.ID || p.Text == "" {
			t.Errorf("%+v", p)
		}
		got = append(got, strings.Join([]string{p.ID, string(p.Outcome), p.Reason}, " ")+" "+string(rune('0'+p.Members)))
	}
	want := []string{"b local  2", "a sent untold 1", "c left-out no-member 0", "d lost no-link 4", "e kept member 8"}
	if !slices.Equal(got, want) {
		t.Errorf("servers: %q, want %q", got, want)
	}
	if e.Sockets != 15 || e.Reached != 11 || e.From != "b" || e.AnsweredBy != "a" || e.LinkBytes != 2200 || e.Whole() {
		t.Errorf("%+v", e)
	}
	if p := e.Servers[1]; p.RoundTrip != 2 || p.QueuedBytes != 77 || p.Codec != "proto" || p.Bytes != 1100 {
		t.Errorf("the link: %+v", p)
	}
	if len(e.Frames) != 2 || e.Frames[0] != (ops.FrameCost{Codec: "json", Bytes: 1100, Links: 1}) || e.Frames[1] != (ops.FrameCost{Codec: "proto", Bytes: 1100, Links: 1}) {
		t.Errorf("frames: %+v", e.Frames)
	}
	for _, part := range []string{`An emit to "r" from b reaches 11 sockets on 3 of 5 servers`, "1 left out", "kept for 1", "1 without a link", "4 sockets are NOT reached", "encoded 2 times"} {
		if !strings.Contains(e.Summary, part) {
			t.Errorf("summary %q is without %q", e.Summary, part)
		}
	}

	// From the server that is asked, with sockets that are left out.
	e = ops.Explanation{}
	call(t, nodes["a"].handler, "GET", "/api/v1/explain?room=r&except=x", "", &e)
	if e.Sockets != 11 || e.Reached != 11 || e.From != "a" || e.Size != 256 || !e.Whole() || e.Servers[1].Members != 2 || e.Servers[1].Writes != 1 {
		t.Errorf("%+v", e)
	}

}

// TestExplainWithoutAnAnswer: a server that does not answer is named.
func TestExplainWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := fakes(t, ops.Options{}, "a", "b", "c", "d")
		for _, f := range nodes {
			f.room(1)
		}
		nodes["c"].hung = true
		var e ops.Explanation
		call(t, fakesWith(t, nodes, ops.Options{Timeout: 20 * time.Millisecond}), "GET", "/api/v1/explain?room=r", "", &e)
		if len(e.Unanswered) != 1 || e.Unanswered[0].ID != "c" || e.Whole() || !strings.Contains(e.Summary, "1 server has not answered") {
			t.Errorf("%+v", e)
		}
	})
}

// fakesWith is a handler of the node a with other options.
func fakesWith(t *testing.T, nodes map[string]*fake, o ops.Options) *ops.Handler {
	h := ops.NewHandler(nodes["a"], o)
	t.Cleanup(h.Close)
	return h
}

// TestExplainBadInput: errors name the parameter, and hostile names stay harmless.
func TestExplainBadInput(t *testing.T) {
	nodes := fakes(t, ops.Options{}, "a", "b")
	nodes["a"].room(1)
	h := nodes["a"].handler
	for _, c := range []struct {
		query  string
		status int
		want   string
	}{
		{"", 400, "room: "},
		{"room=r&size=0", 400, "size: "},
		{"room=r&size=1048577", 400, "1048576"},
		{"room=r&of=x", 400, `no parameter "of"`},
		{"room=" + strings.Repeat("r", 5000), 400, "4096 bytes"},
		{"room=r" + strings.Repeat("&except=x", 17), 400, "except"},
		{"room=r&from=z", 404, "from"},
		{"room=r&from=b", 502, "not open on b"},
		{"room=r&namespace=/none", 404, "namespace"},
	} {
		var failure ops.Failure
		if w := call(t, h, "GET", "/api/v1/explain?"+c.query, "", &failure); w.Code != c.status || !strings.Contains(failure.Error, c.want) {
			t.Errorf("%.60s: %d %q, want %d %q", c.query, w.Code, failure.Error, c.status, c.want)
		}
	}
	for _, name := range []string{"\xff", "<script>\x1b[2J", strings.Repeat("é", 300), "\u202e"} {
		w := call(t, h, "GET", "/api/v1/explain?room="+url.QueryEscape(name)+"&except="+url.QueryEscape(name), "", nil)
		if text := w.Body.String(); w.Code != 200 || !utf8.ValidString(text) || len(text) > 8<<10 || strings.ContainsAny(text, "<>\x1b") {
			t.Errorf("%q: %d, %d bytes: %.200q", name, w.Code, len(text), text)
		}
	}
}

// TestExplainAnswerIsCut: a node with very many peers says so.
func TestExplainAnswerIsCut(t *testing.T) {
	f := fakes(t, ops.Options{}, "a")["a"]
	f.room(1)
	for range 500 {
		f.stats.Peers = append(f.stats.Peers, core.PeerStats{PeerInfo: core.PeerInfo{ID: "p", Codec: "json"}})
	}
	question := `{"op":"explain","explain":{"namespace":"/","room":"r","from":"a","size":-5}}`
	text, err := f.handler.Answer(t.Context(), core.PeerInfo{ID: "b"}, []byte(question), 10_000)
	if err != nil || len(text) > 10_000 || !strings.Contains(string(text), `"cut":true`) {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.handler.Answer(ctx, core.PeerInfo{ID: "b"}, []byte(question), 1<<20); err == nil {
		t.Error("a caller that does not wait any more is answered")
	}
}

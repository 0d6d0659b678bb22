package ops_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/ops"
)

// feedLine is a line of /api/v1/watch.
type feedLine struct {
	Epoch  string         `json:"epoch"`
	N      int            `json:"n"`
	Full   map[string]any `json:"full"`
	Patch  map[string]any `json:"patch"`
	Events []struct {
		N     uint64      `json:"n"`
		Node  string      `json:"node"`
		Seq   uint64      `json:"seq"`
		Level string      `json:"level"`
		Text  string      `json:"text"`
		Attrs [][2]string `json:"attrs"`
	} `json:"events"`
	Skipped int `json:"skipped"`
}

// mergePatch is RFC 7396, as its pseudocode has it.
func mergePatch(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, ok := target.(map[string]any)
	if !ok {
		t = map[string]any{}
	}
	for name, value := range p {
		if value == nil {
			delete(t, name)
		} else {
			t[name] = mergePatch(t[name], value)
		}
	}
	return t
}

// reader is one who reads a feed in a test's bubble, over a connection without buffers.
type reader struct {
	t     *testing.T
	lines *bufio.Scanner
	conn  io.Closer
	bytes int
	state map[string]any
	last  int
}

// served is a handler behind an HTTP server without a network.
type served struct {
	t        *testing.T
	listener pipes
	server   *http.Server
}

func serve(t *testing.T, h http.Handler) *served {
	s := &served{t, pipes{make(chan net.Conn), make(chan struct{})}, &http.Server{Handler: h, ReadTimeout: 30 * time.Second}}
	go s.server.Serve(s.listener)
	t.Cleanup(func() { s.server.Close() })
	return s
}

// get sends a request and returns the answer's header.
func (s *served) get(header string) (*http.Response, net.Conn) {
	s.t.Helper()
	ours, theirs := net.Pipe()
	s.listener.conns <- theirs
	fmt.Fprintf(ours, "GET /api/v1/watch HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n%s\r\n", header)
	response, err := http.ReadResponse(bufio.NewReader(ours), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { ours.Close() })
	return response, ours
}

// watch reads a feed.
func (s *served) watch(header string) *reader {
	s.t.Helper()
	response, conn := s.get(header)
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		s.t.Fatalf("%s: %s", response.Status, text)
	}
	r := &reader{t: s.t, lines: bufio.NewScanner(response.Body), conn: conn}
	r.lines.Buffer(nil, 16<<20)
	return r
}

// next reads a line and applies it; nil at the end.
func (r *reader) next() *feedLine {
	r.t.Helper()
	if !r.lines.Scan() {
		return nil
	}
	r.bytes += len(r.lines.Bytes()) + 1
	var l feedLine
	if err := json.Unmarshal(r.lines.Bytes(), &l); err != nil {
		r.t.Fatalf("%v: %s", err, r.lines.Bytes())
	}
	switch {
	case l.Full != nil:
		r.state = l.Full
	case l.N != r.last+1:
		r.t.Fatalf("line %d after %d is no whole one", l.N, r.last)
	default:
		r.state, _ = mergePatch(r.state, l.Patch).(map[string]any)
	}
	r.last = l.N
	return &l
}

// at is a member of a state, by its path.
func (r *reader) at(path ...string) any {
	var value any = r.state
	for _, name := range path {
		m, _ := value.(map[string]any)
		value = m[name]
	}
	return value
}

// TestWatchDeltas: what is merged, line by line, is what a new reader gets as a whole.
func TestWatchDeltas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all map[string]*fake
		clients := &ops.Clients{WebSocket: 3}
		all = fakes(t, ops.Options{Clients: func() ops.Clients { return looked(all["a"], clients) }}, "a", "b", "c")
		s := &space{rooms: map[string]int{"tea": 2}, sockets: map[string][]string{"s1": nil, "s2": nil, "s3": nil}}
		all["b"].open(s, nil)
		server := serve(t, all["a"].handler)
		r := server.watch("")
		changes := []func(){
			func() {},
			func() { clients.Connections, clients.WebSocket = 40, 40 },
			func() { clients.Entering, clients.Refused = 700, 12 },
			func() { s.rooms["<img src=x onerror=alert(1)>"], s.sockets["s4"] = 7, nil },
			func() { all["b"].stats.Dropped, all["b"].stats.DropReasons = 3, map[string]uint64{"slow-consumer": 3} },
			func() { all["c"].unlink("b") },
			func() { all["b"].hung = true },
			func() {}, func() {}, func() {}, func() {}, func() {},
			func() { all["b"].hung = false },
			func() { all["a"].stats.Peers[0].QueuedBytes = 1 << 20 },
			func() { delete(s.rooms, "tea") },
			func() {
				for _, f := range []*fake{all["a"], all["b"]} {
					f.unlink("c")
					f.roster.Unlinked = nil
					f.stats.Suspended = []core.PeerStats{{PeerInfo: core.PeerInfo{ID: "c", Address: "ws://c"}, Suspended: time.Now()}}
				}
			},
			func() {},
			func() { all["a"].stats.Suspended, all["b"].stats.Suspended = nil, nil },
			func() {}, func() {}, func() {}, func() {}, func() {},
		}
		told := map[string]bool{}
		for i, change := range changes {
			if r.next() == nil {
				t.Fatal("the feed has ended")
			}
			fresh := server.watch("")
			if fresh.next(); fresh.last != r.last || !reflect.DeepEqual(fresh.state, r.state) {
				t.Errorf("after change %d, line %d:\nmerged %v\nfresh %d %v", i, r.last, r.state, fresh.last, fresh.state)
			}
			fresh.conn.Close()
			for id, state := range map[string]any{"b": r.at("nodes", "b", "state"), "c": r.at("nodes", "c", "state")} {
				told[fmt.Sprint(id, " ", state)] = true
			}
			problems, _ := r.at("problems").([]any)
			for _, p := range problems {
				told[p.(map[string]any)["kind"].(string)] = true
			}
			all["a"].mu.Lock()
			change()
			all["a"].mu.Unlock()
		}
		for _, want := range []string{"b ok", "b silent", "c ok", "c suspended", "c gone", "missing-link", "unanswered", "suspended", "lost"} {
			if !told[want] {
				t.Errorf("%q was never told: %v", want, told)
			}
		}
		if got := r.at("total", "sockets"); got != 4.0 {
			t.Errorf("%v sockets", got)
		}
		if got := r.at("losses", "dropped/slow-consumer"); got != 3.0 {
			t.Errorf("lost %v", r.at("losses"))
		}
		if r.at("losses", "clients/refused") != 24.0 || r.at("nodes", "a", "entering") != 700.0 || r.at("total", "entering") != 1400.0 {
			t.Errorf("of clients that come: %v, %v", r.at("losses"), r.at("total"))
		}
		rooms, _ := r.at("rooms", "largest").([]any)
		if len(rooms) != 1 || rooms[0].(map[string]any)["name"] != "<img src=x onerror=alert(1)>" {
			t.Errorf("rooms %v", rooms)
		}
	})
}

// TestWatchRates: rates are of one second, by the clock of the node they are of.
func TestWatchRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := fakes(t, ops.Options{}, "a", "b")
		r := serve(t, all["a"].handler).watch("")
		r.next()
		all["b"].mu.Lock()
		all["b"].stats.Sent = map[core.Kind]core.Traffic{core.KindBroadcast: {Messages: 1234, Bytes: 5_678_000}}
		all["b"].stats.Peers[0].Sent = core.Traffic{Messages: 1234, Bytes: 5_678_000}
		all["b"].mu.Unlock()
		r.next()
		if r.at("nodes", "b", "out") != 1200.0 || r.at("nodes", "b", "out_bytes") != 5.7e6 || r.at("total", "out") != 1200.0 || r.at("links", "b a", "out") != 1200.0 {
			t.Errorf("%v", r.state)
		}
		r.next()
		if r.at("nodes", "b", "out") != 0.0 {
			t.Errorf("%v", r.at("nodes", "b"))
		}
	})
}

// TestWatchStops: nobody is asked while nobody watches.
func TestWatchStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := fakes(t, ops.Options{}, "a", "b")
		server := serve(t, all["a"].handler)
		readers := []*reader{server.watch(""), server.watch(""), server.watch("")}
		for _, r := range readers {
			r.next()
			r.next()
		}
		before := all["b"].asked.Load()
		if before < 1 || before > 3 {
			t.Errorf("three readers, and two lines for each, have asked %d times", before)
		}
		for _, r := range readers {
			r.conn.Close()
		}
		time.Sleep(5 * time.Second)
		before = all["b"].asked.Load()
		time.Sleep(time.Minute)
		if got := all["b"].asked.Load(); got != before {
			t.Errorf("asked %d times more", got-before)
		}
		again := server.watch("")
		if l := again.next(); l.Full == nil {
			t.Error("the first line of a new reader is not whole")
		}
	})
}

// TestWatchBounds: so many readers, and no more; those who take nothing are cut, and one
// who is late gets all of it again.
func TestWatchBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := fakes(t, ops.Options{}, "a", "b")
		server := serve(t, all["a"].handler)
		var readers []*reader
		for range 32 {
			readers = append(readers, server.watch(""))
		}
		response, conn := server.get("")
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
			t.Errorf("reader 33: %s", response.Status)
		}
		conn.Close()
		// The API answers all the same.
		if w := call(t, all["a"].handler, "GET", "/api/v1/cluster", "", nil); w.Code != http.StatusOK {
			t.Errorf("cluster: %d", w.Code)
		}
		late := readers[0]
		late.next()
		time.Sleep(4500 * time.Millisecond) // within what a line may take
		late.next()
		if l := late.next(); l == nil || l.Full == nil {
			t.Errorf("a late reader got %+v", l)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		again := server.watch("") // there is a place again
		if again.next() == nil {
			t.Error("nobody was cut")
		}
	})
}

// TestWatchEnds: with the handler, and when what let a reader in does so no more.
func TestWatchEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		tokens := []string{"secret"}
		all := fakes(t, ops.Options{Tokens: func() []string { mu.Lock(); defer mu.Unlock(); return tokens }}, "a", "b")
		server := serve(t, all["a"].handler)
		for header, want := range map[string]int{
			"": 401, "Authorization: Bearer wrong\r\n": 401, "Authorization: Bearer secret\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n": 403,
			"Authorization: Bearer secret\r\nSec-Fetch-Site: same-site\r\n": 403, "Authorization: Bearer secret\r\nOrigin: http://elsewhere.example\r\n": 403,
			"Authorization: Bearer secret\r\nOrigin: http://ops\r\n": 200, "Authorization: Bearer secret\r\nSec-Fetch-Site: same-origin\r\n": 200,
		} {
			response, conn := server.get(header)
			if response.StatusCode != want {
				t.Errorf("%q: %s, want %d", header, response.Status, want)
			}
			conn.Close()
		}
		r := server.watch("Authorization: Bearer secret\r\n")
		r.next()
		mu.Lock()
		tokens = []string{"another"}
		mu.Unlock()
		began := time.Now()
		for r.next() != nil {
		}
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("a token that is out of use was good for %v", took)
		}
		r = server.watch("Authorization: Bearer another\r\n")
		r.next()
		all["a"].handler.Close()
		for r.next() != nil {
		}
		if response, _ := server.get("Authorization: Bearer another\r\n"); response.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("after Close: %s", response.Status)
		}
	})
}

// TestWatchOutlivesRequests: a feed goes on for longer than a request may take to come, and
// ends by itself after a while, for those who have gone without a word.
func TestWatchOutlivesRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := fakes(t, ops.Options{}, "a")
		r := serve(t, all["a"].handler).watch("")
		began, lines := time.Now(), 0
		for r.next() != nil {
			lines++
		}
		if took := time.Since(began); took < 14*time.Minute || took > 16*time.Minute || lines < 840 {
			t.Errorf("%d lines in %v", lines, took)
		}
	})
}

// TestWatchGoodbyes: a node that says goodbye is no problem, one that does not is one for a
// minute.
func TestWatchGoodbyes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := fakes(t, ops.Options{}, "a", "b", "c")
		a := all["a"]
		a.stats.PeerDrops = map[string]uint64{"left": 7}
		r := serve(t, a.handler).watch("")
		forget := func(id string, goodbyes uint64) {
			a.mu.Lock()
			defer a.mu.Unlock()
			for _, f := range all {
				f.unlink(id)
				f.roster.Unlinked = nil
			}
			a.stats.PeerDrops = map[string]uint64{"left": goodbyes}
		}
		r.next()
		forget("b", 8)
		r.next()
		if r.at("nodes", "b", "state") != "left" || r.at("problem_count") != 0.0 {
			t.Errorf("%v: %v", r.at("nodes", "b"), r.at("problems"))
		}
		forget("c", 8)
		r.next()
		if problems, _ := r.at("problems").([]any); r.at("nodes", "c", "state") != "gone" || len(problems) != 1 || problems[0].(map[string]any)["kind"] != "lost" {
			t.Errorf("%v: %v", r.at("nodes", "c"), problems)
		}
		for range 62 {
			r.next()
		}
		if nodes, _ := r.at("nodes").(map[string]any); len(nodes) != 1 || r.at("problem_count") != 0.0 {
			t.Errorf("after a minute: %v", r.state)
		}
	})
}

// TestWatchEvents: what nodes log comes once, in order, bounded, and without what a
// stranger could do with it.
func TestWatchEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		journal := ops.NewJournal()
		var text bytes.Buffer
		log := slog.New(journal.Around(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelWarn})))
		all := fakes(t, ops.Options{Journal: journal}, "a") // one node has one journal
		log.Debug("not this")
		log.With("peer", "b").WithGroup("g").Warn("link lost", "error", io.EOF, "stack", "goroutine 1")
		r := serve(t, all["a"].handler).watch("")
		l := r.next()
		if len(l.Events) != 1 {
			t.Fatalf("%+v", l.Events)
		}
		e := l.Events[0]
		if e.Level != "warn" || e.Text != "link lost" || e.Node != "a" || !reflect.DeepEqual(e.Attrs, [][2]string{{"peer", "b"}, {"g.error", "EOF"}}) {
			t.Errorf("%+v", e)
		}
		log.Info("peer up", "peer", "b\x1b[2J\xff"+strings.Repeat("x", 1000))
		if l = r.next(); len(l.Events) != 1 || l.Events[0].Text != "peer up" || len(l.Events[0].Attrs[0][1]) > 260 || l.Events[0].N != e.N+1 {
			t.Errorf("%+v", l.Events)
		}
		for i := range 10_000 {
			log.Info("flood", "entries", i)
		}
		if l = r.next(); len(l.Events) != 50 || l.Events[49].Attrs[0][1] != "9999" {
			t.Errorf("%d events of a flood", len(l.Events))
		}
		if l = r.next(); len(l.Events) != 0 {
			t.Errorf("told again: %+v", l.Events)
		}
		if got := text.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "stack") || !strings.Contains(got, "peer=b") {
			t.Errorf("the log has\n%s", got)
		}
	})
}

// TestWatchTooMany: a mesh of more nodes than are drawn has links that stand out alone.
func TestWatchTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		for i := range 30 {
			ids = append(ids, fmt.Sprintf("n%02d", i))
		}
		all := fakes(t, ops.Options{}, ids...)
		all["n07"].stats.Peers[3].RoundTrip = time.Second
		r := serve(t, all["n00"].handler).watch("")
		r.next()
		r.next() // by now it knows of how many there are
		links, _ := r.at("links").(map[string]any)
		if len(links) != 1 || links["n07 n03"] == nil || r.at("all_links") != false || r.at("problem_count") != 0.0 {
			t.Errorf("%d links: %v; problems %v", len(links), links, r.at("problems"))
		}
		all["n05"].mu.Lock()
		all["n05"].unlink("n06")
		all["n05"].mu.Unlock()
		r.next()
		if problems, _ := r.at("problems").([]any); len(problems) != 1 {
			t.Errorf("%v", problems)
		}
	})
}

// TestWatchNodesThatAreOdd: an older node, and one that answers rubbish or for another one.
func TestWatchNodesThatAreOdd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for what, says := range map[string]string{
			"rubbish": "\x00", "another": `{"id":"z"}`, "null": `null`, "huge numbers": `{"id":"b","sockets":1e999}`,
		} {
			all := fakes(t, ops.Options{}, "a", "b")
			all["b"].says = []byte(says)
			server := serve(t, all["a"].handler)
			r := server.watch("")
			if r.next(); r.at("nodes", "b", "state") != "silent" || r.at("problem_count") != 1.0 {
				t.Errorf("%s: %v", what, r.state)
			}
			r.conn.Close()
		}
		all := fakes(t, ops.Options{}, "a", "b")
		all["b"].says = []byte(`{"id":"b","links":"7","peers":-3,"sockets":-1,"linked":[{"id":"\u001b[2J","address":"<b>"}],"losses":{"<script>":1},"largest":[{"name":"<img>","members":-5}],"detail":[{"peer":"<i>"}]}`)
		if r := serve(t, all["a"].handler).watch(""); r.next() == nil || r.at("nodes", "b", "state") != "ok" {
			t.Errorf("%v", r.state)
		}
	})
}

// TestAdminPage: it is served to browsers without a token, has no data, and may run nothing
// but its own script.
func TestAdminPage(t *testing.T) {
	f := fakes(t, ops.Options{Tokens: func() []string { return []string{"secret"} }, ProtectHealth: true}, "nodename")["nodename"]
	w := call(t, f.handler, "GET", "/admin", "", nil)
	page := w.Body.String()
	if w.Code != http.StatusOK || !strings.Contains(page, "<!doctype html>") || strings.Contains(page, "nodename") {
		t.Fatalf("%d %.200s", w.Code, page)
	}
	if !strings.Contains(page, "data-asks=") || f.handler.Refused() != 0 {
		t.Errorf("a browser without a token is not asked for one, or was counted: %d", f.handler.Refused())
	}
	if w := call(t, f.handler, "GET", "/admin", "", nil, "Authorization", "Bearer secret"); strings.Contains(w.Body.String(), "data-asks=") {
		t.Error("who is let in is asked for a token")
	}
	policy := w.Header().Get("Content-Security-Policy")
	if strings.Contains(policy, "unsafe") || strings.Count(policy, "'sha256-") != 2 || w.Header().Get("X-Frame-Options") != "DENY" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%v", w.Header())
	}
	for _, banned := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "http://cdn", "https://", " onclick=", " style="} {
		if strings.Contains(page, banned) {
			t.Errorf("the page has %q", banned)
		}
	}
	if strings.Count(page, "<script>") != 1 || strings.Count(page, "<style>") != 1 {
		t.Error("the policy knows of one script and one style")
	}
	if w := call(t, f.handler, "GET", "/", "", nil, "Accept", "text/html,*/*", "Authorization", "Bearer secret"); w.Code != http.StatusFound || w.Header().Get("Location") != "/admin" {
		t.Errorf("a browser at /: %d %v", w.Code, w.Header())
	}
	if w := call(t, f.handler, "GET", "/", "", nil, "Accept", "*/*", "Authorization", "Bearer secret"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "/admin") {
		t.Errorf("curl at /: %d", w.Code)
	}
}

// TestForeignPages: requests of pages of other sites are refused and counted; links to this
// one are not.
func TestForeignPages(t *testing.T) {
	f := fakes(t, ops.Options{}, "a")["a"]
	for _, c := range []struct {
		headers []string
		want    int
	}{
		{nil, 200},
		{[]string{"Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{"Sec-Fetch-Site", "none"}, 200},
		{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}, 403},
		{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{[]string{"Origin", "null"}, 403},
		{[]string{"Origin", "http://example.com"}, 200}, // of the test's host
		{[]string{"Origin", "http://example.com:81"}, 403},
	} {
		if w := call(t, f.handler, "GET", "/api/v1/node", "", nil, c.headers...); w.Code != c.want {
			t.Errorf("%v: %d, want %d", c.headers, w.Code, c.want)
		}
	}
	if got := f.handler.Refused(); got != 5 {
		t.Errorf("%d were counted", got)
	}
	// A drain from elsewhere is refused, too, whatever it has.
	writable := fakes(t, ops.Options{Writable: true}, "a")["a"]
	if w := call(t, writable.handler, "POST", "/api/v1/drain", `{}`, nil, "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden || writable.Draining() {
		t.Errorf("drain: %d", w.Code)
	}
}

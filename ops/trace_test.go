package ops_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/ops"
)

// fakeTrace shows what a test makes up, on a clock of its own.
type fakeTrace struct {
	filter core.TraceFilter
	rate   int
	began  time.Time
	ahead  time.Duration // of the clock

	mu       sync.Mutex
	read     core.TraceRead
	arrivals []core.TraceArrival
	closed   bool
}

func (f *fakeTrace) Now() int64 { return int64(time.Since(f.began) + f.ahead) }

func (f *fakeTrace) Read() core.TraceRead {
	f.mu.Lock()
	defer f.mu.Unlock()
	read := f.read
	f.read = core.TraceRead{Skipped: read.Skipped, Lost: read.Lost}
	return read
}

func (f *fakeTrace) Arrivals(of []core.TracePosition) (found []core.TraceArrival) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.arrivals {
		if slices.Contains(of, a.TracePosition) {
			found = append(found, a)
		}
	}
	return found
}

func (f *fakeTrace) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

func (f *fakeTrace) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

// tracer is a fake node that shows messages.
type tracer struct {
	*fake
	ahead time.Duration
	slow  time.Duration // each way of a question
	cut   atomic.Bool   // it reaches nobody

	mu     sync.Mutex
	traces []*fakeTrace
}

func (n *tracer) Trace(filter core.TraceFilter, rate int) (core.Trace, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.traces) == 4 {
		return nil, errors.New("too many of them")
	}
	t := &fakeTrace{filter: filter, rate: rate, began: time.Now(), ahead: n.ahead}
	n.traces = append(n.traces, t)
	return t, nil
}

func (n *tracer) Ask(ctx context.Context, node string, question []byte) ([]byte, error) {
	if n.cut.Load() {
		return nil, core.ErrNoServer
	}
	time.Sleep(n.slow)
	defer time.Sleep(n.slow)
	return n.fake.Ask(ctx, node, question)
}

// last is the latest trace of a node.
func (n *tracer) last() *fakeTrace {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.traces) == 0 {
		return nil
	}
	return n.traces[len(n.traces)-1]
}

// tracers are fakes that show messages. Each clock is an hour ahead of the one before.
func tracers(t *testing.T, o ops.Options, ids ...string) map[string]*tracer {
	all := map[string]*tracer{}
	for i, id := range ids {
		n := &tracer{fake: fakes(t, o, ids...)[id], ahead: time.Duration(i) * time.Hour, slow: time.Millisecond}
		n.handler = ops.NewHandler(n, o)
		t.Cleanup(n.handler.Close)
		all[id] = n
	}
	for _, n := range all {
		for id := range n.peers {
			n.peers[id] = all[id].fake
		}
	}
	return all
}

// stream is a client that reads a trace.
type stream struct {
	header http.Header
	code   int
	ended  chan struct{}
	stop   context.CancelFunc

	mu    sync.Mutex
	text  bytes.Buffer
	fails bool
}

func (s *stream) Header() http.Header  { return s.header }
func (s *stream) WriteHeader(code int) { s.code = code }
func (s *stream) Flush()               {}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails {
		return 0, errors.New("too slow")
	}
	return s.text.Write(p)
}

func (s *stream) fail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = true
}

// lines are what has come since the last call.
func (s *stream) lines(t *testing.T) (messages []ops.TraceMessage, last ops.TraceStatus) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(s.text.String()) {
		var l ops.TraceLine
		if err := json.Unmarshal([]byte(line), &l); err != nil || (l.Message == nil) == (l.Status == nil) {
			t.Fatalf("%v: %q", err, line)
		}
		if l.Message != nil {
			messages = append(messages, *l.Message)
		} else {
			last = *l.Status
		}
	}
	s.text.Reset()
	return messages, last
}

// watch opens a trace.
func watch(t *testing.T, h http.Handler, query string, headers ...string) *stream {
	ctx, cancel := context.WithCancel(t.Context())
	s := &stream{header: http.Header{}, ended: make(chan struct{}), stop: cancel}
	r := httptest.NewRequestWithContext(ctx, "GET", "/api/v1/trace?"+query, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	go func() {
		defer close(s.ended)
		h.ServeHTTP(s, r)
	}()
	synctest.Wait()
	return s
}

func (s *stream) hasEnded() bool {
	synctest.Wait()
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestTraceStream: what nodes have seen of a message is put together, across their clocks.
func TestTraceStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := tracers(t, ops.Options{}, "a", "b", "c", "d")
		s := watch(t, nodes["a"].handler, "kind=broadcast,sockets-join&kind=broadcast&namespace=/&room=r&rate=7&for=1m")
		pass(time.Second)
		_, status := s.lines(t)
		if status.Nodes != 4 || len(status.Untraced) != 0 || s.header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("%+v", status)
		}
		a, b := nodes["a"].last(), nodes["b"].last()
		if b.rate != 7 || b.filter.Room != "r" || b.filter.Namespace != "/" || !slices.Equal(b.filter.Kinds, []core.Kind{core.KindBroadcast, core.KindSocketsJoin}) {
			t.Errorf("b looks for %+v, %d a second", b.filter, b.rate)
		}

		at, published := core.TracePosition{Session: "s", Sequence: 1, Position: 41}, time.Now()
		a.mu.Lock()
		now := a.Now()
		a.read.Messages = []core.TracedMessage{{Number: 1, At: now, Kind: core.KindBroadcast, Namespace: "/", Rooms: []string{"r\x1b\xff"}, RoomCount: 1, Event: "<news>", Bytes: 9,
			Copies: []core.TracedCopy{{Peer: "b", State: core.CopyQueued}, {Peer: "c", State: core.CopyLeftOut}, {Peer: "d", State: core.CopyDropped}}}}
		a.read.Sends = []core.TracedSend{{Number: 1, Peer: "b", At: now + 50_000, Codec: "json", Bytes: 99, Position: at}, {Number: 77, Peer: "b"}}
		a.mu.Unlock()
		b.mu.Lock()
		arrived := core.TraceArrival{TracePosition: at, Received: b.Now() + 5_050_000} // 5 ms later
		b.arrivals = []core.TraceArrival{arrived}
		b.mu.Unlock()
		pass(600 * time.Millisecond)
		if early, _ := s.lines(t); len(early) != 0 {
			t.Errorf("told before it was handled: %+v", early)
		}
		b.mu.Lock()
		b.arrivals[0].Handled = arrived.Received + 2_000_000
		b.mu.Unlock()
		pass(600 * time.Millisecond)
		messages, _ := s.lines(t)
		if len(messages) != 1 || len(messages[0].Hops) != 3 {
			t.Fatalf("%+v", messages)
		}
		m := messages[0]
		if m.From != "a" || m.Kind != "broadcast" || m.Event != "<news>" || m.Bytes != 9 || m.Rooms[0] != "r\x1b\uFFFD" || m.Time.Sub(published).Abs() > time.Millisecond {
			t.Errorf("%+v", m)
		}
		h := m.Hops[0]
		if h.To != "b" || h.State != ops.HopHandled || h.Codec != "json" || h.Bytes != 99 || *h.Queue != 50 || *h.Handle != 2000 {
			t.Errorf("%+v", h)
		}
		// A question takes a millisecond each way, so that is how far the clocks may be off.
		if *h.Hop < 5000-h.Accuracy || *h.Hop > 5000+h.Accuracy || h.Accuracy < 999 || h.Accuracy > 1100 {
			t.Errorf("a hop of 5 ms took %v us ± %v", *h.Hop, h.Accuracy)
		}
		if m.Hops[1].State != ops.HopLeftOut || m.Hops[2].State != ops.HopDropped {
			t.Errorf("%+v", m.Hops)
		}

		// What never arrives is told all the same, and losses are.
		a.mu.Lock()
		a.read.Messages = []core.TracedMessage{{Number: 2, At: a.Now(), Kind: core.KindBroadcast, Copies: []core.TracedCopy{{Peer: "b", State: core.CopyQueued}, {Peer: "x", State: core.CopyQueued}}}}
		a.read.Skipped, a.read.Lost = 5, 6
		a.mu.Unlock()
		pass(2 * time.Second)
		messages, status = s.lines(t)
		if len(messages) != 1 || messages[0].Hops[0].State != ops.HopQueued || messages[0].Hops[1].To != "x" || status.Skipped != 5 || status.Lost != 6 {
			t.Errorf("%+v %+v", messages, status)
		}
		pass(time.Minute)
		if _, status = s.lines(t); !s.hasEnded() || !strings.Contains(status.End, "time is over") {
			t.Errorf("it goes on: %+v", status)
		}
		for id, n := range nodes {
			if !n.last().isClosed() {
				t.Errorf("%s still looks", id)
			}
		}
	})
}

// TestTraceOfWithheld: a hop that was withheld says for how long, whether it was sent then or
// left out; the news of that may come first. One of which nothing is told is withheld.
func TestTraceOfWithheld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := tracers(t, ops.Options{}, "a", "b", "c", "d", "e")
		s := watch(t, nodes["a"].handler, "")
		pass(time.Second)
		a := nodes["a"].last()
		a.mu.Lock()
		now := a.Now()
		release := func(peer string, after time.Duration, state core.CopyState) core.TracedRelease {
			return core.TracedRelease{Number: 1, Peer: peer, At: now + int64(after), State: state}
		}
		a.read.Sends = []core.TracedSend{{Number: 1, Peer: "b", At: now + 12_050_000, Codec: "json", Bytes: 99}}
		a.read.Releases = []core.TracedRelease{
			release("b", 12*time.Millisecond, core.CopyQueued), release("c", 10*time.Millisecond, core.CopyLeftOut),
			release("d", 9*time.Millisecond, core.CopyQueued), release("d", 9*time.Millisecond, core.CopyDropped), release("x", 0, core.CopyQueued),
		}
		a.mu.Unlock()
		pass(600 * time.Millisecond)
		a.mu.Lock()
		message := core.TracedMessage{Number: 1, At: now, Kind: core.KindBroadcast, Namespace: "/"}
		for _, peer := range []string{"b", "c", "d", "e"} {
			message.Copies = append(message.Copies, core.TracedCopy{Peer: peer, State: core.CopyWithheld})
		}
		a.read = core.TraceRead{Messages: []core.TracedMessage{message}}
		a.mu.Unlock()
		pass(2 * time.Second)
		messages, _ := s.lines(t)
		if len(messages) != 1 || len(messages[0].Hops) != 4 {
			t.Fatalf("%+v", messages)
		}
		for i, want := range []struct {
			state    ops.HopState
			withheld float64
		}{{ops.HopSent, 12_000}, {ops.HopLeftOut, 10_000}, {ops.HopDropped, 9_000}, {ops.HopWithheld, -1}} {
			hop := messages[0].Hops[i]
			if hop.State != want.state || want.withheld < 0 != (hop.Withheld == nil) || hop.Withheld != nil && *hop.Withheld != want.withheld {
				t.Errorf("%+v, want %+v", hop, want)
			}
		}
		if sent := messages[0].Hops[0]; *sent.Queue != 50 || sent.Codec != "json" {
			t.Errorf("%+v", sent)
		}
		s.stop()
		pass(time.Second)
	})
}

// TestTraceEnds: with the client, the handler, a client that does not read and a token that
// is not right any more; and on other nodes also when they are not told.
func TestTraceEnds(t *testing.T) {
	var token atomic.Value
	for name, end := range map[string]func(*stream, *tracer){
		"the client goes":      func(s *stream, _ *tracer) { s.stop() },
		"the server stops":     func(_ *stream, a *tracer) { a.handler.Close() },
		"the client is slow":   func(s *stream, _ *tracer) { s.fail() },
		"the token is changed": func(*stream, *tracer) { token.Store("y") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				token.Store("x")
				nodes := tracers(t, ops.Options{Tokens: func() []string { return []string{token.Load().(string)} }}, "a", "b")
				if s := watch(t, nodes["a"].handler, ""); s.code != http.StatusUnauthorized {
					t.Errorf("without a token: %d", s.code)
				}
				s := watch(t, nodes["a"].handler, "", "Authorization", "Bearer x")
				pass(time.Second)
				end(s, nodes["a"])
				pass(3 * time.Second)
				if !s.hasEnded() || !nodes["a"].last().isClosed() || !nodes["b"].last().isClosed() {
					t.Error("it goes on")
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		nodes := tracers(t, ops.Options{}, "a", "b")
		s := watch(t, nodes["a"].handler, "")
		pass(time.Second)
		b := nodes["b"].last()
		nodes["a"].cut.Store(true)
		pass(4 * time.Second)
		if b.isClosed() {
			t.Error("b has not waited")
		}
		pass(2 * time.Second)
		if _, status := s.lines(t); !b.isClosed() || len(status.Untraced) != 1 || status.Untraced[0].ID != "b" || status.Nodes != 1 {
			t.Errorf("b looks though nobody asks, or is not missed: %+v", status)
		}
		nodes["a"].cut.Store(false)
		pass(3 * time.Second)
		if _, status := s.lines(t); nodes["b"].last() == b || status.Nodes != 2 {
			t.Errorf("b does not look again: %+v", status)
		}
		s.stop()
		pass(time.Second)
	})
}

// TestTraceIsBounded: bad parameters, too many viewers, and answers that are too long.
func TestTraceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := tracers(t, ops.Options{}, "a", "b")
		h := nodes["a"].handler
		for query, want := range map[string]string{
			"kind=broadcasts": `kind: "broadcasts" is not allowed: want adapter-close, broadcast`, "rate=0": "rate", "rate=1001": "1000", "for=2h": "for", "for=x": "for", "rooms=x": "no parameter",
			"room=" + strings.Repeat("r", 2000): "1024 bytes",
		} {
			var failure ops.Failure
			if w := call(t, h, "GET", "/api/v1/trace?"+query, "", &failure); w.Code != 400 || !strings.Contains(failure.Error, want) {
				t.Errorf("%.50s: %d %q", query, w.Code, failure.Error)
			}
		}
		if w := call(t, h, "HEAD", "/api/v1/trace", "", nil); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("HEAD: %d", w.Code)
		}
		one, two := watch(t, h, ""), watch(t, h, "")
		if w := call(t, h, "GET", "/api/v1/trace", "", nil); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("a third viewer: %d", w.Code)
		}
		one.stop()
		pass(time.Second)
		three := watch(t, h, "")
		pass(time.Second)
		if _, status := three.lines(t); status.Nodes != 2 {
			t.Errorf("after one has gone: %+v", status)
		}
		two.stop()
		three.stop()
		pass(time.Second)

		question := `{"op":"trace","trace":{"id":"1","rate":99999999}}`
		if _, err := nodes["b"].handler.Answer(t.Context(), core.PeerInfo{ID: "a"}, []byte(question), 1<<20); err != nil {
			t.Fatal(err)
		}
		b := nodes["b"].last()
		if b.rate != 1000 {
			t.Errorf("a rate of %d", b.rate)
		}
		b.mu.Lock()
		for i := range 1000 {
			b.read.Messages = append(b.read.Messages, core.TracedMessage{Number: uint64(i)})
			b.read.Sends = append(b.read.Sends, core.TracedSend{Number: uint64(i)})
			b.read.Releases = append(b.read.Releases, core.TracedRelease{Number: uint64(i)})
		}
		b.mu.Unlock()
		text, err := nodes["b"].handler.Answer(t.Context(), core.PeerInfo{ID: "a"}, []byte(question), 10_000)
		if err != nil || len(text) > 10_000 || !strings.Contains(string(text), `"cut":2`) {
			t.Errorf("%v, %d bytes", err, len(text))
		}
		for _, bad := range []string{`{"op":"trace","trace":{}}`, `{"op":"trace"}`, `{"op":"trace","trace":{"id":"` + strings.Repeat("x", 65) + `"}}`} {
			if _, err := nodes["b"].handler.Answer(t.Context(), core.PeerInfo{ID: "a"}, []byte(bad), 10_000); err == nil {
				t.Errorf("%.40s is answered", bad)
			}
		}
		nodes["b"].handler.Close()
		if _, err := nodes["b"].handler.Answer(t.Context(), core.PeerInfo{ID: "a"}, []byte(question), 10_000); !b.isClosed() || !errors.Is(err, core.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}

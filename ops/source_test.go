package ops_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/ops"
)

// fake is a node whose peers are others of its kind, without links between them.
type fake struct {
	mu      *sync.RWMutex // of all of them: held while a test changes what a watch looks at
	id      string
	state   core.NodeState
	stats   core.Stats
	roster  core.RosterStatus
	spaces  []core.OpenNamespace
	peers   map[string]*fake
	hung    bool // it answers no questions
	says    []byte
	asked   atomic.Int64
	reasons map[string]core.RouteReason // of Routes
	handler *ops.Handler

	draining atomic.Bool
	drained  chan int // rates
}

func (f *fake) ID() string                       { return f.id }
func (f *fake) State() core.NodeState            { return looked(f, &f.state) }
func (f *fake) Stats() core.Stats                { return looked(f, &f.stats) }
func (f *fake) Roster() core.RosterStatus        { return looked(f, &f.roster) }
func (f *fake) Namespaces() []core.OpenNamespace { return looked(f, &f.spaces) }
func (f *fake) Draining() bool                   { return f.draining.Load() }

func looked[T any](f *fake, field *T) T {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return *field
}

func (f *fake) Drain(ctx context.Context, rate int) error {
	f.draining.Store(true)
	f.drained <- rate
	<-ctx.Done()
	return ctx.Err()
}

func (f *fake) Ask(ctx context.Context, node string, question []byte) ([]byte, error) {
	f.mu.RLock()
	p := f.peers[node]
	hung := p != nil && p.hung
	f.mu.RUnlock()
	switch {
	case p == nil:
		return nil, core.ErrNoServer
	}
	p.asked.Add(1)
	switch {
	case hung:
		<-ctx.Done()
		return nil, context.Cause(ctx)
	case p.says != nil:
		return p.says, nil
	}
	return p.handler.Answer(ctx, core.PeerInfo{ID: f.id}, question, 1<<20)
}

// fakes are nodes that are linked with each other.
func fakes(t *testing.T, o ops.Options, ids ...string) map[string]*fake {
	t.Helper()
	all, mu := map[string]*fake{}, &sync.RWMutex{}
	for _, id := range ids {
		f := &fake{mu: mu, id: id, peers: map[string]*fake{}, drained: make(chan int, 1)}
		f.state = core.NodeState{ID: id, Listening: true, Listen: "127.0.0.1:1", Advertise: "ws://" + id, Codecs: []string{"json"}, Discovery: "static", Discovered: time.Now()}
		f.stats.Started = time.Now().Add(-time.Minute)
		if err := o.Validate(); err != nil {
			t.Fatal(err)
		}
		f.handler = ops.NewHandler(f, o)
		t.Cleanup(f.handler.Close)
		all[id] = f
	}
	for _, f := range all {
		for _, id := range ids {
			if id != f.id {
				f.link(all[id])
			}
		}
	}
	return all
}

// link notes a link to another node, at this end.
func (f *fake) link(p *fake) {
	f.peers[p.id] = p
	f.roster.Others++
	f.stats.Peers = append(f.stats.Peers, core.PeerStats{PeerInfo: core.PeerInfo{ID: p.id, Address: "ws://" + p.id, Version: 1, Codec: "json"}})
}

// unlink loses one, at this end.
func (f *fake) unlink(id string) {
	delete(f.peers, id)
	f.roster.Unlinked = append(f.roster.Unlinked, core.UnlinkedPeer{Peer: core.Peer{ID: id, Address: "ws://" + id}, Since: time.Now(), Err: errors.New("refused")})
	for i, p := range f.stats.Peers {
		if p.ID == id {
			f.stats.Peers = append(f.stats.Peers[:i:i], f.stats.Peers[i+1:]...)
			return
		}
	}
}

// call asks a handler, and decodes its answer into v, if that is not nil.
func call(t *testing.T, h http.Handler, method, target, body string, v any, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if v != nil {
		text, err := io.ReadAll(w.Result().Body)
		if err == nil {
			err = json.Unmarshal(text, v)
		}
		if err != nil {
			t.Fatalf("%s %s: %d: %v\n%s", method, target, w.Code, err, text)
		}
	}
	return w
}

// space is a namespace whose rooms and sockets a test makes up.
type space struct {
	mu      *sync.RWMutex
	rooms   map[string]int
	sockets map[string][]string // their rooms
}

func (s *space) Population() (sockets, rooms int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.sockets), len(s.rooms)
}

func (s *space) EachRoom(yield func(string, int) bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for name, members := range s.rooms {
		if !yield(name, members) {
			return
		}
	}
}

func (s *space) EachSocket(room string, yield func(string) bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for id, rooms := range s.sockets {
		in := room == ""
		for _, r := range rooms {
			in = in || r == room
		}
		if in && !yield(id) {
			return
		}
	}
}

func (s *space) SocketState(id string, most int) *core.SocketState {
	rooms, ok := s.sockets[id]
	if !ok {
		return nil
	}
	return &core.SocketState{ID: id, Rooms: rooms[:min(most, len(rooms))], RoomCount: len(rooms), Transport: "websocket", Address: "10.0.0.9", Connected: time.Now()}
}

// open opens the namespace "/" with these on a node.
func (f *fake) open(s *space, a core.Adapter) {
	s.mu = f.mu
	f.spaces = append(f.spaces, core.OpenNamespace{Name: "/", Adapter: a, State: s})
}

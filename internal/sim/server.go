package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/cluster"
	"github.com/socketmesh/mesh/internal/node"
)

// server is one life of a server.
type server struct {
	*history
	record
	id       string
	host     int
	interest bool
	node     *node.Node
	adapters []core.Adapter
	hosts    []*host
	settings *Settings

	stalled atomic.Int64 // until when its listeners block, since the start of the run
}

// start starts the next life of a server on a host.
func (w *world) start(host int) *server {
	w.lives[host]++
	id := fmt.Sprintf("h%d.%d", host, w.lives[host])
	s := &server{
		history: w.history, record: newRecord(w.now()),
		id:   fmt.Sprintf("%c-%s", 'a'+hash(w.plan.Seed, id)%26, id), // any order of ids
		host: host, interest: w.plan.Interest[host], settings: &w.plan.Settings,
	}
	cfg := core.Config{
		ID: s.id, Listen: hostName(host), Advertise: address(host),
		Transport:        w.net.Transport(hostName(host)),
		Codecs:           []core.Codec{json.New()},
		Discovery:        w.discovery(),
		Observer:         observer{s: s},
		Logger:           w.log,
		HeartbeatTimeout: w.plan.Timeout, HeartbeatInterval: w.plan.Heartbeat,
		RedialMax: w.plan.RedialMax, RequestTimeout: w.plan.RequestTimeout,
		QueueBytes: w.plan.QueueBytes, InboxBytes: w.plan.InboxBytes,
		QueueMinRate: max(1, w.plan.QueueBytes/8), QueueSlowTime: 2 * time.Second,
	}
	if s.interest {
		cfg.Routing = core.RoutingInterest
	}
	w.mu.Lock()
	w.servers = append(w.servers, s)
	w.mu.Unlock()
	w.current[host] = s
	if err := s.run(cfg); err != nil {
		w.violate("start", "%s: %v", s.id, err)
	}
	return s
}

func (s *server) run(cfg core.Config) error {
	var err error
	if s.node, err = node.New(cfg, cluster.New); err != nil {
		return err
	}
	for i, name := range namespaces {
		h := newHost(s, i)
		a, err := s.node.Adapter(name, h)
		if err != nil {
			return err
		}
		h.report(s.node.Occupancy(name))
		s.hosts, s.adapters = append(s.hosts, h), append(s.adapters, a)
	}
	return s.node.Start(context.Background())
}

func hostName(host int) string { return fmt.Sprint("h", host) }
func address(host int) string  { return "mem://" + hostName(host) }

// hash combines numbers and names, as FNV-1a does.
func hash(seed uint64, texts ...string) uint64 {
	const prime = 1099511628211
	h := (14695981039346656037 ^ seed) * prime
	for _, text := range texts {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * prime
		}
		h *= prime
	}
	return h ^ h>>32
}

// stop ends the server's life, and returns when all of its goroutines have ended.
func (s *server) stop(killed bool, patience time.Duration) {
	links := s.links()
	s.mu.Lock()
	s.ended, s.killed, s.leftLinks = s.now(), killed, links
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := s.node.Shutdown(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = err
}

// links returns the peers to which it has a link, with the time since when.
func (s *server) links() map[string]time.Time {
	links := map[string]time.Time{}
	for _, p := range s.node.Peers() {
		links[p.ID] = p.Since
	}
	return links
}

// number records a message that is about to be sent, and returns its payload. done is to
// be called when it was sent.
func (s *server) number(namespace int, c class, host, size int) (event core.Payload, done func()) {
	before := s.links()
	s.mu.Lock()
	s.emitted[namespace] = append(s.emitted[namespace], emission{at: s.now(), class: c, host: host})
	n := len(s.emitted[namespace])
	s.mu.Unlock()
	return coretest.Numbered(s.id, n, size), func() {
		linked := s.links()
		maps.DeleteFunc(linked, func(id string, since time.Time) bool { return !before[id].Equal(since) })
		s.mu.Lock()
		defer s.mu.Unlock()
		s.emitted[namespace][n-1].linked = linked
	}
}

// emit sends one message.
func (s *server) emit(namespace int, c class, which, size int) {
	a := s.adapters[namespace]
	event, done := s.number(namespace, c, which, size)
	defer done()
	switch c {
	case toStatic:
		a.Broadcast(event, core.Target{Rooms: []string{staticRoom(which)}})
	case toDynamic:
		a.Broadcast(event, core.Target{Rooms: []string{dynamicRoom(which)}})
	case volatile:
		a.Broadcast(event, core.Target{Flags: core.Flags{Volatile: true}})
	case serverSide:
		a.ServerSideEmit(event)
	case remoteJoin:
		a.AddSockets(core.Target{}, []string{numberRoom + string(event.Text)})
	default:
		a.Broadcast(event, core.Target{})
	}
}

func dynamicRoom(n int) string { return fmt.Sprint("dynamic", n) }

// receive records a message of another server, and blocks if listeners are to block.
func (s *server) receive(namespace int, origin string, n int) {
	if origin == s.id {
		return
	}
	s.mu.Lock()
	r := s.got[namespace][origin]
	switch last := s.lastBefore(namespace, origin, n); {
	case r.received(n):
		s.violateLocked("at most once", "%s received %d of %s in %s again, after %d", s.id, n, origin, namespaces[namespace], r.last())
	case n < last:
		s.violateLocked("order", "%s received %d of %s in %s after %d", s.id, n, origin, namespaces[namespace], last)
	default:
		s.got[namespace][origin] = r.with(n)
	}
	s.trace += hash(uint64(s.now())<<20+uint64(n), s.id, origin, namespaces[namespace])
	s.mu.Unlock()
	if until := time.Duration(s.stalled.Load()); until > s.now() {
		time.Sleep(until - s.now())
	}
}

// lastBefore returns the last received message of another server that has to come before
// its message n: the last one, or, if both route by interest and n is for a room, the
// last one for that room. The history's lock is held.
func (s *server) lastBefore(namespace int, origin string, n int) int {
	r := s.got[namespace][origin]
	from := s.find(origin)
	if from == nil || !from.interest || !s.interest {
		return r.last()
	}
	emitted := from.emitted[namespace]
	e := emitted[n-1]
	if e.class != toStatic && e.class != toDynamic {
		return r.last()
	}
	for _, last := range slices.Backward(r) {
		if o := emitted[last-1]; o.class == e.class && roomOf(o) == roomOf(e) {
			return last
		}
	}
	return 0
}

// roomOf returns the room of a message.
func roomOf(e emission) string {
	if e.class == toStatic {
		return staticRoom(e.host)
	}
	return dynamicRoom(e.host)
}

// question is the content of a request.
type question struct {
	name string
	ask  func(s *server, r *request)
}

var questions = []question{
	{"fetch", func(s *server, r *request) {
		call := s.adapters[r.namespace].FetchSockets(context.Background(), core.Target{})
		call.OnDone(func() {
			sockets, err := call.Wait()
			ids := make([]string, len(sockets))
			for i := range sockets {
				ids[i] = sockets[i].ID
			}
			r.settle(ids, call.Left(), err)
		})
	}},
	{"server-side emit", func(s *server, r *request) {
		event, done := s.number(r.namespace, withAnswers, len(r.before)-1, 0)
		call := s.adapters[r.namespace].ServerSideEmitWithAck(context.Background(), event)
		done()
		call.OnDone(func() {
			answers, err := call.Wait()
			r.settle(texts(answers), call.Left(), err)
		})
	}},
	{"broadcast with acknowledgements", func(s *server, r *request) {
		event, done := s.number(r.namespace, withAcks, 0, 0)
		var acks []core.Payload
		call := s.adapters[r.namespace].BroadcastWithAck(context.Background(), event, core.Target{}, func(p core.Payload) { acks = append(acks, p) })
		done()
		call.OnDone(func() {
			asked, err := call.Wait()
			if err == nil && asked != len(acks) {
				s.violate("requests", "%s: %d clients were asked, %d have answered, and that is no error", s.id, asked, len(acks))
			}
			r.settle(texts(acks), call.Left(), err)
		})
	}},
}

func texts(payloads []core.Payload) []string {
	list := coretest.Texts(payloads)
	for i := range list {
		list[i] = strings.Trim(list[i], `"`)
	}
	return list
}

// ask sends a request to the other servers.
func (s *server) ask(namespace, which int) *request {
	q := questions[which]
	r := &request{what: q.name, server: s, namespace: namespace, began: s.now(), before: s.adapters[namespace].Servers()}
	s.mu.Lock()
	s.requests = append(s.requests, r)
	s.mu.Unlock()
	q.ask(s, r)
	after := s.adapters[namespace].Servers()
	s.mu.Lock()
	defer s.mu.Unlock()
	r.after = after
	return r
}

// settle records the answer: ids of clients, as "server/client".
func (r *request) settle(ids, left []string, err error) {
	h := r.server.history
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.settled {
		h.violateLocked("requests", "%s of %s has ended twice", r.what, r.server.id)
	}
	r.settled, r.at, r.left, r.err = true, h.now(), left, err
	r.answered = map[string]int{}
	twice := map[string]bool{}
	for _, id := range ids {
		if twice[id] {
			h.violateLocked("requests", "%s of %s has %s twice in its answer", r.what, r.server.id, id)
		}
		twice[id] = true
		server, _, _ := strings.Cut(id, "/")
		r.answered[server]++
	}
	if incomplete, ok := errors.AsType[*core.IncompleteError](err); ok {
		r.missing = incomplete.Missing
	}
}

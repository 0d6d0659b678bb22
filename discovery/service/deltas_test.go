package service

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
)

// registerFor registers, and asks for features.
func (f *foreign) registerFor(p core.Peer, asked features) {
	f.t.Helper()
	f.say(appendRegister(nil, registration{Peer: p, features: asked}))
}

// message waits for the next message of the service.
func (f *foreign) message() served {
	f.t.Helper()
	select {
	case data, open := <-f.heard:
		if !open {
			f.t.Fatalf("the connection ended (%v): want a message", f.end)
		}
		m, err := decodeServed(data, 1<<20)
		if err != nil || m.skipped > 0 {
			f.t.Fatalf("message does not decode: %v, %d skipped", err, m.skipped)
		}
		return m
	case <-time.After(patience):
		f.t.Fatal("no message came")
	}
	return served{}
}

// TestServerSendsDeltas: a node that asks for them gets the roster once, and then what
// changes. One that does not gets whole rosters.
func TestServerSendsDeltas(t *testing.T) {
	inBubble(t, ServerOptions{}, func(t *testing.T, s *Server, p *pipes) {
		whole, node := visit(t, pipeURL, p.dial), visit(t, pipeURL, p.dial)
		whole.register(a, "")
		whole.wantRoster(a)
		node.registerFor(b, features{deltas: true})
		whole.wantRoster(a, b)
		if m := node.message(); m.kind != typeUpdate || !slices.Equal(m.servers, []core.Peer{a, b}) {
			t.Fatalf("the first message is %+v", m)
		}
		// Few nodes: a delta of as many changes as there are nodes would be longer than
		// the roster.
		var others []*foreign
		for i := range 8 {
			other := visit(t, pipeURL, p.dial)
			other.register(peer(fmt.Sprintf("cc%d", i), 100+i), "")
			others = append(others, other)
			synctest.Wait()
			time.Sleep(time.Second)
			whole.roster()
			if m := node.message(); m.kind != typeDelta || len(m.servers) != 1 || len(m.left) != 0 {
				t.Fatalf("registration %d: %+v, want a delta", i, m)
			}
		}
		others[3].conn.Close()
		if m := node.message(); m.kind != typeDelta || len(m.servers) != 0 || !slices.Equal(m.left, []string{"cc3"}) {
			t.Fatalf("after a departure: %+v", m)
		}
		if n := len(whole.roster()); n != 9 {
			t.Errorf("%d servers in the whole roster: want 9", n)
		}
		node.registerFor(b, features{deltas: true})
		if m := node.message(); m.kind != typeUpdate || len(m.servers) != 9 {
			t.Fatalf("the answer to another registration is %+v: want the whole roster", m)
		}
	})
}

// TestServerCoalesces: a change that comes alone is told at once; many that come together
// are told in few messages, and none waits for longer than a window.
func TestServerCoalesces(t *testing.T) {
	const window = DefaultUpdateWindow
	inBubble(t, ServerOptions{}, func(t *testing.T, s *Server, p *pipes) {
		watch := visit(t, pipeURL, p.dial)
		began := time.Now()
		watch.registerFor(a, features{deltas: true})
		watch.message()
		if waited := time.Since(began); waited != 0 {
			t.Errorf("the first one waited for %v", waited)
		}
		time.Sleep(window)
		// One in 10 ms, for 20 windows.
		began = time.Now()
		for i := range 200 {
			f := visit(t, pipeURL, p.dial)
			f.registerFor(peer(fmt.Sprintf("n%d", i), i+10), features{deltas: true})
			synctest.Wait()
			time.Sleep(window / 10)
		}
		known, messages := 1, 0
		for known < 201 {
			m := watch.message()
			messages++
			if m.kind == typeUpdate {
				known = len(m.servers)
			} else {
				known += len(m.servers)
			}
		}
		if waited := time.Since(began) - 20*window; waited > window {
			t.Errorf("the last one was told %v after it had registered: want %v at most", waited, window)
		}
		if messages > 22 {
			t.Errorf("%d messages for 200 registrations in 20 windows", messages)
		}
		time.Sleep(window)
		began = time.Now()
		last := visit(t, pipeURL, p.dial)
		last.registerFor(b, features{deltas: true})
		watch.message()
		if waited := time.Since(began); waited != 0 {
			t.Errorf("one that comes alone waited for %v", waited)
		}
	})
}

// TestServerStopsWithChangesToTell: Shutdown does not wait for the end of a window.
func TestServerStopsWithChangesToTell(t *testing.T) {
	inBubble(t, ServerOptions{UpdateWindow: time.Hour}, func(t *testing.T, s *Server, p *pipes) {
		first, second := visit(t, pipeURL, p.dial), visit(t, pipeURL, p.dial)
		first.register(a, "")
		first.wantRoster(a)
		second.register(b, "")
		synctest.Wait()
		began := time.Now()
		shutdown(t, s)
		if waited := time.Since(began); waited > closeTimeout {
			t.Errorf("stopped after %v", waited)
		}
		first.wantEnd(closeShutdown)
		second.wantEnd(closeShutdown)
	})
}

// TestServerTellsBothOfASharedAddress: the two nodes of one address are told of each
// other, if they ask for it. A node of the reference gets rosters only.
func TestServerTellsBothOfASharedAddress(t *testing.T) {
	inBubble(t, ServerOptions{}, func(t *testing.T, s *Server, p *pipes) {
		next := func(f *foreign) served {
			for {
				if m := f.message(); m.kind == typeNotice {
					return m
				}
			}
		}
		twin := core.Peer{ID: b.ID, Address: a.Address}
		first, second := visit(t, pipeURL, p.dial), visit(t, pipeURL, p.dial)
		first.registerFor(a, features{notices: true})
		second.registerFor(twin, features{notices: true})
		if m := next(first); m.notice != (notice{noticeSharedAddress, twin}) {
			t.Errorf("the first one is told %+v", m.notice)
		}
		if m := next(second); m.notice != (notice{noticeSharedAddress, a}) {
			t.Errorf("the second one is told %+v", m.notice)
		}
		if n := s.Stats().Notices; n != 2 {
			t.Errorf("%d notices are counted: want 2", n)
		}
		second.leave()
		reference := visit(t, pipeURL, p.dial)
		reference.register(core.Peer{ID: "cc", Address: a.Address}, "")
		next(first)
		for range 100 { // one that registers again and again has a bounded queue
			reference.register(core.Peer{ID: "cc", Address: a.Address}, "")
		}
		time.Sleep(time.Minute)
		for len(reference.heard) > 0 {
			if m := reference.message(); m.kind != typeUpdate {
				t.Errorf("a node that asks for nothing got %+v", m)
			}
		}
	})
}

// TestClientIsToldOfASharedAddress: both nodes log it, with the setting that mends it.
func TestClientIsToldOfASharedAddress(t *testing.T) {
	books := [2]*logRecord{new(logRecord), new(logRecord)}
	inBubble(t, ServerOptions{}, func(t *testing.T, s *Server, p *pipes) {
		twin := core.Peer{ID: b.ID, Address: a.Address}
		first := runClient(t, p, ClientOptions{Logger: books[0].logger()}, a)
		first.wantRoster(t, a)
		second := runClient(t, p, ClientOptions{Logger: books[1].logger()}, twin)
		second.wantRoster(t, a, twin)
		time.Sleep(time.Second)
		for i, other := range []string{b.ID, a.ID} {
			lines := books[i].find(slog.LevelWarn, "same address")
			if len(lines) != 1 || !strings.Contains(lines[0], other) || !strings.Contains(lines[0], "MESH_ADVERTISE") {
				t.Errorf("node %d logged %q", i, lines)
			}
		}
		if n := first.Stats().Notices; n != 1 {
			t.Errorf("%d notices are counted: want 1", n)
		}
	})
}

// TestRegistryDeltasLeadToTheRoster makes random changes. Subscribers fetch what they lack
// at random times, and have the roster in its order in the end, whatever they missed.
func TestRegistryDeltasLeadToTheRoster(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		r := smallRegistry(1000, 1000)
		const watchers = 5
		var (
			watching [watchers]*subscriber
			rosters  [watchers][]core.Peer
			nodes    []*subscriber
		)
		fetch := func(i int) {
			message, _ := r.message(watching[i])
			if message == nil {
				return
			}
			m, err := decodeServed(message, 10000)
			if err != nil {
				t.Fatal(err)
			}
			if m.kind == typeDelta {
				rosters[i] = applyDelta(rosters[i], m)
			} else {
				rosters[i] = m.servers
			}
		}
		for i := range watching {
			watching[i] = attached(t, r)
			r.register(watching[i], peer(fmt.Sprint("watcher", i), i+1), features{deltas: true})
		}
		for range 1 + random.IntN(400) {
			switch n := random.IntN(10); {
			case n < 4:
				s := attached(t, r)
				r.register(s, peer(fmt.Sprint(random.IntN(40)), 100+random.IntN(1000)), features{})
				nodes = append(nodes, s)
			case n < 7 && len(nodes) > 0:
				i := random.IntN(len(nodes))
				r.detach(nodes[i])
				nodes = slices.Delete(nodes, i, i+1)
			case n < 8 && len(nodes) > 0: // a node that changes its id
				r.register(nodes[random.IntN(len(nodes))], peer(fmt.Sprint(random.IntN(40)), 100+random.IntN(1000)), features{})
			default:
				fetch(random.IntN(watchers))
			}
		}
		want := r.peers()
		for i := range watching {
			fetch(i)
			if !slices.Equal(rosters[i], want) {
				t.Fatalf("seed %d: a subscriber has %v, the registry %v", seed, rosters[i], want)
			}
		}
	}
}

func TestDecodeDelta(t *testing.T) {
	message := appendDelta(nil, []core.Peer{a, b}, []string{"x", "y"})
	m, err := decodeServed(message, 2)
	if err != nil || m.kind != typeDelta || !slices.Equal(m.servers, []core.Peer{a, b}) || !slices.Equal(m.left, []string{"x", "y"}) {
		t.Errorf("decoded %+v, %v", m, err)
	}
	if _, err := decodeServed(message, 1); err == nil {
		t.Error("a delta above the limit is taken")
	}
	if _, err := decodeServed(appendDelta(nil, nil, []string{"x", "y"}), 1); err == nil {
		t.Error("departures above the limit are taken")
	}
	m, err = decodeServed(appendNotice(nil, notice{"some-code", a}), 1)
	if err != nil || m.kind != typeNotice || m.notice != (notice{"some-code", a}) {
		t.Errorf("decoded %+v, %v", m, err)
	}
	r := registration{Peer: a, token: "t", features: features{deltas: true, notices: true}}
	if have, err := decodeRegister(appendRegister(nil, r)); err != nil || have != r {
		t.Errorf("registration became %+v, %v", have, err)
	}
	for _, odd := range [][]byte{
		build(mapOf(4), "type", "register", "serverId", a.ID, "address", a.Address, "features", nil),
		build(mapOf(4), "type", "register", "serverId", a.ID, "address", a.Address, "features", listOf(2), 7, "later"),
		build(mapOf(4), "type", "register", "serverId", a.ID, "address", a.Address, "features", mapOf(1), "delta", "delta"),
	} {
		if have, err := decodeRegister(odd); err != nil || have != (registration{Peer: a}) {
			t.Errorf("decoded %+v, %v", have, err)
		}
	}
}

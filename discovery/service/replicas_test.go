package service

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

// replicaSet are services at ws://r0:8000, ws://r1:8000 and so on.
type replicaSet []*pipes

func newReplicaSet(n int) replicaSet {
	set := make(replicaSet, n)
	for i := range set {
		set[i] = new(pipes)
	}
	return set
}

func (set replicaSet) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var i int
	if _, err := fmt.Sscanf(addr, "r%d:8000", &i); err != nil {
		return nil, err
	}
	return set[i].dial(ctx, network, addr)
}

// url lists replicas; all of them if none is given.
func (set replicaSet) url(only ...int) string {
	var urls []string
	for i := range set {
		if len(only) == 0 || slices.Contains(only, i) {
			urls = append(urls, fmt.Sprintf("ws://r%d:8000", i))
		}
	}
	return strings.Join(urls, ",")
}

// run runs a client of some replicas.
func (set replicaSet) run(t *testing.T, o ClientOptions, self core.Peer, only ...int) *running {
	t.Helper()
	o.URL = set.url(only...)
	client := NewClient(o)
	client.dial = set.dial
	return runIt(t, client, self)
}

var c = peer("cc00000000000000", 3)

// isRegistered waits until the client is registered with all replicas, alone.
func (r *running) isRegistered(t *testing.T, self core.Peer) {
	t.Helper()
	r.wantRoster(t, self)
	time.Sleep(time.Second)
	for _, e := range r.Endpoints() {
		if !e.Heard {
			t.Fatalf("not registered: %+v", e)
		}
	}
}

// latest is the last roster of those that have been reported by now and were not read yet;
// nil if there is none.
func (r *running) latest() (roster []core.Peer) {
	synctest.Wait()
	if unread := r.Unread(); len(unread) > 0 {
		roster = unread[len(unread)-1]
	}
	return roster
}

// TestClientMergesReplicas: replicas that do not know each other have different nodes. One
// that registers with both sees all, and is seen by all.
func TestClientMergesReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := newReplicaSet(2)
		startOn(t, set[0], ServerOptions{})
		startOn(t, set[1], ServerOptions{})
		left := set.run(t, ClientOptions{}, b, 0)
		left.wantRoster(t, b)
		right := set.run(t, ClientOptions{}, c, 1)
		right.wantRoster(t, c)
		both := set.run(t, ClientOptions{}, a)
		both.wantRoster(t, b, a, c)
		left.wantRoster(t, b, a)
		right.wantRoster(t, c, a)
		for i, endpoint := range both.Endpoints() {
			if want := fmt.Sprintf("ws://r%d:8000", i); endpoint.Name != want || !endpoint.Heard || endpoint.Peers != 2 || endpoint.Err != nil || endpoint.Last.IsZero() {
				t.Errorf("replica %d is told as %+v", i, endpoint)
			}
		}
		right.Stop()
		both.wantRoster(t, b, a)
	})
}

// TestClientKeepsWhoLeftOneReplica: a server leaves when no replica lists it any more.
func TestClientKeepsWhoLeftOneReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := newReplicaSet(2)
		startOn(t, set[0], ServerOptions{})
		startOn(t, set[1], ServerOptions{})
		watch := set.run(t, ClientOptions{}, a)
		watch.isRegistered(t, a)
		other := set.run(t, ClientOptions{}, b)
		watch.wantRoster(t, a, b)
		time.Sleep(time.Second) // it is registered with both
		third := visit(t, "ws://r0:8000", set.dial)
		third.register(c, "")
		twin := visit(t, "ws://r1:8000", set.dial)
		twin.register(c, "")
		watch.wantRoster(t, a, b, c)
		third.conn.Close()
		time.Sleep(time.Hour)
		if roster := watch.latest(); len(roster) != 3 {
			t.Errorf("the roster is %v: one replica still lists the third", roster)
		}
		began := time.Now()
		twin.conn.Close()
		watch.wantRoster(t, a, b)
		other.Stop()
		watch.wantRoster(t, a)
		if waited := time.Since(began); waited > time.Second {
			t.Errorf("a server that has left both replicas stays for %v", waited)
		}
	})
}

// TestReplicaThatRestartsEmptyShrinksNothing: what it alone had listed stays for EntryTTL,
// and then leaves.
func TestReplicaThatRestartsEmptyShrinksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := newReplicaSet(2)
		startOn(t, set[0], ServerOptions{})
		second := startOn(t, set[1], ServerOptions{})
		watch := set.run(t, ClientOptions{}, a)
		watch.isRegistered(t, a)
		gone := visit(t, "ws://r1:8000", set.dial)
		gone.register(b, "")
		watch.wantRoster(t, a, b)
		shutdown(t, second)
		began := time.Now()
		time.Sleep(time.Second)
		if s := watch.Endpoints()[1]; s.Heard || s.Err == nil || s.Peers != 0 {
			t.Errorf("the replica that has stopped is told as %+v", s)
		}
		startOn(t, set[1], ServerOptions{})
		for time.Since(began) < DefaultEntryTTL-time.Second {
			if roster := watch.latest(); roster != nil && len(roster) != 2 {
				t.Fatalf("after %v the roster is %v", time.Since(began), roster)
			}
			time.Sleep(time.Second)
		}
		if s := watch.Endpoints()[1]; !s.Heard || s.Err != nil {
			t.Errorf("the replica that has come back is told as %+v", s)
		}
		watch.wantRoster(t, a)
		if aged := time.Since(began); aged < DefaultEntryTTL || aged > DefaultEntryTTL+time.Second {
			t.Errorf("left after %v: want %v", aged, DefaultEntryTTL)
		}
	})
}

// TestOnlyServiceThatRestartsShrinksNothing is the same with one service, where nodes come
// back one after the other.
func TestOnlyServiceThatRestartsShrinksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(pipes)
		s := startOn(t, p, ServerOptions{})
		watch, other := runTwo(t, p)
		for range 5 {
			shutdown(t, s)
			time.Sleep(5 * time.Second)
			s = startOn(t, p, ServerOptions{})
			time.Sleep(DefaultRedialMax + time.Second)
		}
		for _, r := range []*running{watch, other} {
			for _, roster := range r.Unread() {
				if len(roster) != 2 {
					t.Errorf("a roster is %v: want both, always", roster)
				}
			}
		}
	})
}

// TestNothingAgesWhileNobodyAnswers: with no replica there, nobody knows who has left.
func TestNothingAgesWhileNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := newReplicaSet(2)
		first, second := startOn(t, set[0], ServerOptions{}), startOn(t, set[1], ServerOptions{})
		watch := set.run(t, ClientOptions{}, a)
		watch.isRegistered(t, a)
		gone := visit(t, "ws://r0:8000", set.dial)
		gone.register(b, "")
		// In either order: a may not have registered with this replica yet.
		watch.Next("a roster of both", func(roster []core.Peer) bool { return len(roster) == 2 })
		shutdown(t, first)
		shutdown(t, second)
		time.Sleep(24 * time.Hour)
		if roster := watch.latest(); roster != nil && len(roster) != 2 {
			t.Fatalf("after a day the roster is %v", roster)
		}
		startOn(t, set[1], ServerOptions{})
		began := time.Now()
		watch.Next("a roster of one", func(roster []core.Peer) bool { return len(roster) == 1 })
		if aged := time.Since(began); aged < DefaultEntryTTL || aged > DefaultEntryTTL+DefaultRedialMax+time.Second {
			t.Errorf("left after %v: want %v from the time when a replica is back", aged, DefaultEntryTTL)
		}
	})
}

// TestRosterWithoutThisNodeIsNotBelieved: a replica that does not list who asks does not
// know who has left, even if it says nothing else for hours.
func TestRosterWithoutThisNodeIsNotBelieved(t *testing.T) {
	for name, lie := range map[string][]core.Peer{"empty": {}, "others": {c}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := new(pipes)
				fake(t, p, func(conn *websocket.Conn) {
					ended := drain(conn)
					send(conn, appendUpdate(nil, []core.Peer{a, b}))
					time.Sleep(time.Second)
					send(conn, appendUpdate(nil, lie))
					for {
						select {
						case <-ended:
							return
						case <-time.After(10 * time.Second):
							conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
						}
					}
				})
				watch := runClient(t, p, ClientOptions{}, a)
				watch.wantRoster(t, a, b)
				time.Sleep(3 * time.Hour)
				if roster := watch.latest(); !slices.Contains(roster, a) || !slices.Contains(roster, b) {
					t.Errorf("the roster is %v", roster)
				}
			})
		})
	}
}

// TestReplicasThatContradictEachOther: of two addresses of a server that of the first
// replica counts. It is counted, and logged once.
func TestReplicasThatContradictEachOther(t *testing.T) {
	book := new(logRecord)
	synctest.Test(t, func(t *testing.T) {
		set := newReplicaSet(2)
		startOn(t, set[0], ServerOptions{})
		startOn(t, set[1], ServerOptions{})
		watch := set.run(t, ClientOptions{Logger: book.logger()}, a)
		watch.isRegistered(t, a)
		honest, liar := visit(t, "ws://r0:8000", set.dial), visit(t, "ws://r1:8000", set.dial)
		honest.register(b, "")
		watch.wantRoster(t, a, b)
		for port := range 20 {
			liar.register(peer(b.ID, 666+port), "")
			time.Sleep(time.Second)
		}
		if roster := watch.latest(); !slices.Equal(roster, []core.Peer{a, b}) {
			t.Errorf("the roster is %v", roster)
		}
		if n := watch.Stats().Conflicts; n < 10 {
			t.Errorf("%d conflicts are counted", n)
		}
		if n := book.count(slog.LevelWarn, "different addresses"); n != 1 {
			t.Errorf("%d warnings: want one", n)
		}
	})
}

// TestViewIsBounded: replicas that list new servers each time and forget them make a node
// remember no more than MaxPeers of them.
func TestViewIsBounded(t *testing.T) {
	o := ClientOptions{MaxPeers: 10}.withDefaults()
	v := newView(a.ID, 1, o)
	now := time.Now()
	for i := range 1000 {
		v.replace(0, []core.Peer{a, peer(fmt.Sprint(i), i+1)}, now)
		v.lost(0, now)
	}
	v.replace(0, []core.Peer{a}, now)
	roster, next, _ := v.merged(now)
	if len(roster) > 11 || len(v.known) > 11 || next.IsZero() {
		t.Errorf("%d servers are listed, %d known, next at %v", len(roster), len(v.known), next)
	}
	if roster, next, _ = v.merged(now.Add(o.EntryTTL)); len(roster) != 1 || len(v.known) != 1 || v.unlisted != 0 || !next.IsZero() {
		t.Errorf("%d servers are listed after EntryTTL, %d known, %d unlisted", len(roster), len(v.known), v.unlisted)
	}
}

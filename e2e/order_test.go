package e2e

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

// TestOrder: in every namespace the messages of a server arrive in order, and
// once, while several servers send in several namespaces.
func TestOrder(t *testing.T) {
	const count = 1000 // per sender and namespace
	for _, kinds := range [][]string{{goKind, goKind, goKind}, {goKind, nodeKind, goKind}} {
		t.Run(strings.Join(kinds, "+"), func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, goKind, kinds, nil)
			var nsps list
			var clients []*client
			for range 5 {
				s := setStage(t, c, 0)
				nsps = append(nsps, s.nsp)
				clients = append(clients, s.clients...)
			}
			began := time.Now()
			var work sync.WaitGroup
			for _, server := range c.servers[:2] {
				work.Go(func() {
					if _, err := server.ask("burst", args{"nsps": nsps, "count": count}); err != nil {
						t.Error(err)
					}
				})
			}
			work.Wait()
			for _, client := range clients {
				checkOrder(t, client, c.servers[:2], count)
			}
			t.Logf("%d messages, %d deliveries in %v", 2*len(nsps)*count, 2*len(clients)*count, time.Since(began))
		})
	}
}

// checkOrder checks that a client has got count messages of each sender, in order.
func checkOrder(t *testing.T, c *client, senders []*server, count int) {
	t.Helper()
	got := c.wait(t, "n", len(senders)*count)
	if len(got) != len(senders)*count {
		t.Errorf("%s: %d messages, want %d", c.name, len(got), len(senders)*count)
	}
	next := map[any]float64{}
	for _, message := range got {
		sender, n := message.([]any)[0], message.([]any)[1]
		if n != next[sender] {
			t.Fatalf("%s: %v of server %v, want %v", c.name, n, sender, next[sender])
		}
		next[sender]++
	}
}

// TestShutdownDrains: what a server has sent arrives before it is gone, though a
// peer is slow to take it.
func TestShutdownDrains(t *testing.T) {
	t.Parallel()
	c := startCluster(t, goKind, []string{goKind, goKind, nodeKind}, args{"queueBytes": 64 << 20, "heartbeatTimeout": 300_000})
	s := setStage(t, c, 0)
	slow := s.servers[1]
	slow.signal(t, syscall.SIGSTOP)
	const count, size = 1000, 10_000 // more than sockets hold
	s.do("burst", args{"nsps": list{s.nsp}, "count": count, "size": size})
	s.origin.signal(t, syscall.SIGTERM)
	if reason := s.clients[0].gone(t); reason != "transport close" && reason != "io server disconnect" {
		t.Errorf("the client was told %v", reason)
	}
	slow.signal(t, syscall.SIGCONT)
	for _, client := range s.clients[1:] {
		checkOrder(t, client, s.servers[:1], count)
	}
	same(t, "exit code", s.origin.ended(t), 0)
	for _, other := range s.servers[1:] {
		procs.Eventually(t, soon, func() error {
			if count := other.do(t, "serverCount", args{"nsp": s.nsp}); count != 2.0 {
				return fmt.Errorf("%s counts %v servers", other.name, count)
			}
			return nil
		})
	}
}

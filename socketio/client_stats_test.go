package socketio

import (
	"sync"
	"testing"

	"github.com/socketmesh/mesh/internal/await"
)

// TestClientStats: clients by transport, how many have come and gone, and what they have
// sent.
func TestClientStats(t *testing.T) {
	s := serve(t, lonely{})
	stats := func() ClientStats { return s.constructor.ClientStats() }
	if got := stats(); got.QueuedLimit == 0 || got.Connections+got.Disconnections != 0 {
		t.Errorf("before the first client: %+v", got)
	}
	handled := make(chan struct{}, 3)
	c, sock := s.client("/")
	_ = sock.On("ev", func(...any) { handled <- struct{}{} })
	s.polling()
	for range cap(handled) {
		c.send(`2["ev"]`)
		await.Value(t, handled)
	}
	if got := stats(); got.WebSocket != 1 || got.Polling != 1 || got.OtherTransports != 0 || got.Connections != 2 || got.Disconnections != 0 || got.PacketsIn != 3 || got.BytesIn < 3*len64(`2["ev"]`) {
		t.Errorf("two clients and three events: %+v", got)
	}
	sock.Join("a", "b")
	if got := stats(); got.Sockets != 2 || got.Rooms != 2 {
		t.Errorf("two sockets, one of them in two rooms: %+v", got)
	}
	c.close()
	await.Condition(t, "gone", func() bool { return stats().Disconnections == 1 })
	if got := stats(); got.WebSocket != 0 || got.Polling != 1 || got.Connections != 2 {
		t.Errorf("one has gone: %+v", got)
	}
}

// TestConnectionsDoNotGoBack: a client that is there a moment before it counts as come
// has not gone, and who has gone stays so.
func TestConnectionsDoNotGoBack(t *testing.T) {
	var c connections
	if came, left := c.counts(1); came != 0 || left != 0 {
		t.Errorf("early: %d came, %d left", came, left)
	}
	c.opened()
	c.opened()
	if came, left := c.counts(0); came != 2 || left != 2 {
		t.Errorf("gone: %d came, %d left", came, left)
	}
	if _, left := c.counts(1); left != 2 {
		t.Errorf("another one, early: %d left", left)
	}
}

// TestClientStatsWhileClientsCome: clients that are coming in can be looked at.
func TestClientStatsWhileClientsCome(t *testing.T) {
	s := serve(t, lonely{})
	done := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				s.constructor.ClientStats()
			}
		}
	})
	for range 30 {
		s.dial("EIO=4")
	}
	close(done)
	looking.Wait()
	if got := s.constructor.ClientStats(); got.WebSocket != 30 {
		t.Errorf("30 clients: %+v", got)
	}
}

func len64(s string) int64 { return int64(len(s)) }

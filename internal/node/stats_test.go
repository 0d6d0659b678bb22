package node_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
)

// TestStatsOfTraffic: a published message counts once, and is sent once for each peer;
// both ends count the same bytes.
func TestStatsOfTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.start("a"), w.start("b"), w.start("c")
		synctest.Wait()
		before := a.Stats()
		a.emit("1", "2", "3")
		synctest.Wait()
		after := a.Stats()
		for what, n := range map[string]uint64{
			"published": 3 - (after.Published[core.KindBroadcast].Messages - before.Published[core.KindBroadcast].Messages),
			"sent":      6 - (after.Sent[core.KindBroadcast].Messages - before.Sent[core.KindBroadcast].Messages),
			"by size":   3 - (total(after.PublishedSizes) - total(before.PublishedSizes)),
			"at b":      3 - b.Stats().Received[core.KindBroadcast].Messages,
			"at c":      3 - c.Stats().Received[core.KindBroadcast].Messages,
		} {
			if n != 0 {
				t.Errorf("%s: %d too few", what, int64(n))
			}
		}
		received := b.Stats()
		if sum := received.ReceivedSizes.Sum; sum != float64(bytesOf(received.Received)) || total(received.ReceivedSizes) == 0 {
			t.Errorf("histogram of what was received: %+v, of %d bytes", received.ReceivedSizes, bytesOf(received.Received))
		}
		peer := received.Peers[0]
		if toB := a.Stats().Peers[0].Sent; peer.ID != "a" || peer.Received != toB || toB.Messages == 0 {
			t.Errorf("b has received %+v of %s, which has sent it %+v", peer.Received, peer.ID, toB)
		}
	})
}

func total(h core.Histogram) (n uint64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}

func bytesOf(byKind map[core.Kind]core.Traffic) (n uint64) {
	for _, t := range byKind {
		n += t.Bytes
	}
	return n
}

// TestRoundTrip: pings are timed, on links that are idle and on those that are busy.
func TestRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.Delay("a", "b", 10*time.Millisecond)
		a, b := w.start("a"), w.start("b")
		time.Sleep(2 * time.Second) // one round of the heartbeat, and a link before
		for _, s := range []*server{a, b} {
			if p := s.Stats().Peers[0]; p.LastRoundTrip != 10*time.Millisecond || p.RoundTrip != p.LastRoundTrip {
				t.Errorf("%s: %+v", s.ID(), p)
			}
		}
		stop := make(chan struct{})
		go func() {
			for {
				select {
				case <-time.After(100 * time.Millisecond):
					a.emit("busy")
				case <-stop:
					return
				}
			}
		}()
		w.net.Delay("a", "b", 30*time.Millisecond)
		time.Sleep(core.DefaultHeartbeatInterval + time.Second)
		close(stop)
		if p := a.Stats().Peers[0]; p.LastRoundTrip != 30*time.Millisecond || p.RoundTrip != 12500*time.Microsecond {
			t.Errorf("busy: %+v", p)
		}
	})
}

// TestExpectedPeers: all of the roster is expected, with a link or without, except for
// this node and addresses that have turned out to be its own.
func TestExpectedPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a")
		synctest.Wait()
		if peers := a.Stats().Expected; len(peers) != 0 {
			t.Errorf("alone: %v", peers)
		}
		b := w.start("b")
		w.roster.Tell(core.Peer{ID: "a", Address: "mem://a"}, core.Peer{ID: "b", Address: "mem://b"}, core.Peer{ID: "x", Address: "mem://nowhere"})
		time.Sleep(time.Second)
		for _, s := range []*server{a, b} {
			if stats := s.Stats(); len(stats.Expected) != 2 || len(stats.Peers) != 1 {
				t.Errorf("%s expects %v, and has %v", s.ID(), stats.Expected, stats.Peers)
			}
		}
	})
}

// TestExpectedAddresses: for addresses without ids, the nodes that answer there are
// expected, except for this node.
func TestExpectedAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.roster.Tell(core.Peer{Address: "mem://a"}, core.Peer{Address: "mem://b"})
		a := w.start("a", func(c *core.Config) { c.Advertise = "mem://alias" })
		w.start("b")
		time.Sleep(time.Second)
		if peers := a.Stats().Expected; len(peers) != 1 || peers[0] != (core.Peer{ID: "b", Address: "mem://b"}) {
			t.Errorf("expected: %v", peers)
		}
	})
}

// TestReconnects: a peer that comes back has one reconnect more, and a newer link.
func TestReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a")
		w.start("b")
		synctest.Wait()
		before := a.Stats()
		w.net.Cut("a", "b")
		time.Sleep(time.Second)
		after := a.Stats()
		if len(before.Peers) != 1 || before.Peers[0].Reconnects != 0 || len(after.Peers) != 1 || after.Peers[0].Reconnects != 1 {
			t.Fatalf("before: %+v, after: %+v", before.Peers, after.Peers)
		}
		if !after.Peers[0].LinkSince.After(before.Peers[0].LinkSince) || !after.Peers[0].Dialled {
			t.Errorf("before: %+v, after: %+v", before.Peers[0], after.Peers[0])
		}
		if after.PeerDrops["outbound-closed"] != 1 {
			t.Errorf("peers dropped: %v", after.PeerDrops)
		}
	})
}

// TestReasons: links that end and connections that are refused are counted by reason,
// and all reasons are listed from the start.
func TestReasons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a"), w.start("b")
		w.start("c", func(c *core.Config) { c.AuthToken = "other" })
		synctest.Wait()
		stats := a.Stats()
		if n, known := stats.PeerDrops["slow-consumer"]; n != 0 || !known {
			t.Errorf("peers dropped: %v", stats.PeerDrops)
		}
		b.stop()
		synctest.Wait()
		stats = a.Stats()
		if stats.PeerDrops["left"] != 1 || sumOf(stats.PeerDrops) != 1 {
			t.Errorf("peers dropped: %v", stats.PeerDrops)
		}
		if stats.RefusalReasons["other"] > 0 || stats.Refused == 0 || sumOf(stats.RefusalReasons) != stats.Refused {
			t.Errorf("%d refused: %v", stats.Refused, stats.RefusalReasons)
		}
	})
}

func sumOf(counts map[string]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

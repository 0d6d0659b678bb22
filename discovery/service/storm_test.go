package service

import (
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/race"
)

// storm registers nodes as fast as they come, and waits until those that are watched have
// the whole roster. It returns the bytes of rosters that the service wrote.
func storm(t testing.TB, nodes int, asked features) (sent uint64, took time.Duration) {
	t.Helper()
	p := new(pipes)
	s := NewServer(ServerOptions{MaxPerSource: nodes})
	if err := s.serve(p.listen()); err != nil {
		t.Fatal(err)
	}
	const every = 512 // nodes, of which one is watched
	var reading, complete sync.WaitGroup
	began := time.Now()
	for i := range nodes {
		dialer := websocket.Dialer{NetDialContext: p.dial, ReadBufferSize: 4096, WriteBufferSize: 512}
		conn, _, err := dialer.Dial(pipeURL, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		read := func() { discard(conn) }
		if i%every == 0 {
			complete.Add(1)
			read = func() { follow(t, conn, nodes, complete.Done) }
		}
		reading.Go(read)
		self := core.Peer{ID: fmt.Sprintf("%016x", i*7919), Address: fmt.Sprintf("ws://10.0.%d.%d:4000", i/256, i%256)}
		if err := conn.WriteMessage(websocket.BinaryMessage, appendRegister(nil, registration{Peer: self, features: asked})); err != nil {
			t.Fatal(err)
		}
	}
	complete.Wait()
	took = time.Since(began)
	sent = s.Stats().Sent
	shutdown(t, s)
	reading.Wait()
	return sent, took
}

// discard reads until the connection ends.
func discard(conn *websocket.Conn) {
	for {
		_, r, err := conn.NextReader()
		if err != nil {
			return
		}
		io.Copy(io.Discard, r)
	}
}

// follow keeps the roster, as a node does, and calls complete when it has all nodes.
func follow(t testing.TB, conn *websocket.Conn, nodes int, complete func()) {
	var roster []core.Peer
	for done := false; ; {
		_, data, err := conn.ReadMessage()
		if err != nil {
			if !done {
				t.Errorf("the connection ended at %d of %d servers: %v", len(roster), nodes, err)
				complete()
			}
			return
		}
		m, err := decodeServed(data, nodes)
		if err != nil {
			t.Error(err)
		}
		if m.kind == typeDelta {
			roster = applyDelta(roster, m)
		} else {
			roster = m.servers
		}
		if len(roster) == nodes && !done {
			done = true
			complete()
		}
	}
}

// TestFourThousandNodes: as many nodes as the service takes by default register one after
// the other, fewer with the race detector. Each of them needs the others' entries, once; the service writes little more
// than that.
func TestFourThousandNodes(t *testing.T) {
	nodes := DefaultMaxNodes
	if race.Enabled {
		nodes /= 8
	}
	sent, took := storm(t, nodes, features{deltas: true})
	once := uint64(nodes) * uint64(nodes) * 60 // bytes of an entry, at most
	t.Logf("%d nodes: %d MB in %v", nodes, sent>>20, took.Round(time.Millisecond))
	if sent > once*5/4 {
		t.Errorf("%d bytes were written: want %d and a little", sent, once)
	}
}

// BenchmarkRegistrations tells what the service writes until all nodes know each other.
func BenchmarkRegistrations(b *testing.B) {
	for _, nodes := range []int{400, DefaultMaxNodes} {
		for name, asked := range map[string]features{"deltas": {deltas: true}, "whole": {}} {
			if nodes > 400 && !asked.deltas {
				continue // nodes of the reference only
			}
			b.Run(fmt.Sprintf("%d/%s", nodes, name), func(b *testing.B) {
				var sent uint64
				for b.Loop() {
					bytes, _ := storm(b, nodes, asked)
					sent += bytes
				}
				b.ReportMetric(float64(sent)/float64(b.N)/1e6, "MB/storm")
			})
		}
	}
}

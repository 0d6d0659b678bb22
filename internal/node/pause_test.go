package node_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/node"
)

// withBlockedListener starts two nodes with a namespace of which b hears nothing until
// slow's gate is closed.
func (w *world) withBlockedListener() (a, b *manyNamespaces, slow *recorder) {
	w.t.Helper()
	a, b = w.start("a").open(w.t, "/slow"), w.start("b").open(w.t, "/slow")
	slow = b.recorders["/slow"]
	within(2 * time.Second)
	slow.gate = make(chan struct{})
	return a, b, slow
}

// TestFullNamespace: while listeners of one namespace are blocked for 25 s and 2 MB/s are
// sent to it, nothing else on the one stream of the link is held up: neither other namespaces
// nor pings. Then all arrives, in order.
func TestFullNamespace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, slow := w.withBlockedListener()
		text := strings.Repeat("x", 20_000)
		var want []string
		n := 0
		for range 2500 { // 25 s
			a.emit("/slow", fmt.Sprint(n, text))
			want = append(want, fmt.Sprint("a: ", n, text))
			n++
			if n%50 == 0 {
				a.server.emit(fmt.Sprint("elsewhere ", n))
				synctest.Wait()
				if got := b.received(); len(got) != n/50 {
					t.Fatalf("after %d: the other namespace got %d messages", n, len(got))
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
		expect(t, "messages of the slow namespace", len(slow.received()), 0)
		expect(t, "a's observer", a.RecordingObserver.String(), "up b")
		expect(t, "b's observer", b.RecordingObserver.String(), "up a")
		if p := a.Stats().Peers[0]; p.QueuedBytes < 10<<20 {
			t.Errorf("%d bytes wait at a: they went to b, which has no place for them", p.QueuedBytes)
		}
		close(slow.gate)
		within(time.Second)
		expectList(t, "the slow namespace, later", slow.received(), want...)
		a.emit("/slow", "still")
		within(time.Second)
		expect(t, "the slow namespace goes on", len(slow.received()), n+1)
	})
}

// A namespace that is full when its link breaks is so on the next one, too.
func TestFullNamespaceOverABrokenLink(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, slow := w.withBlockedListener()
		stop := a.server.counting(5 * time.Millisecond)
		var want []string
		for i := range 300 {
			a.emit("/slow", fmt.Sprint(i))
			want = append(want, fmt.Sprint("a: ", i))
			if i%100 == 50 {
				w.net.Cut("a", "b")
			}
			time.Sleep(10 * time.Millisecond)
		}
		within(time.Second)
		expect(t, "messages of the slow namespace", len(slow.received()), 0)
		b.server.expectCount(t, a.server, stop())
		close(slow.gate)
		within(time.Second)
		expectList(t, "the slow namespace, later", slow.received(), want...)
	})
}

// Of a peer that does not pause, no more is read than fits: the others notice nothing.
func TestPeerThatDoesNotPause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a"), w.start("b")
		within(2 * time.Second)
		a.gate = make(chan struct{})
		conn := w.dial("a")
		send(t, conn, node.ResumableHello("q", "p", "1"), node.ResumableStart("s", "e", 0))
		sent := 0
		go func() {
			for conn.Send(t.Context(), [][]byte{broadcastFrame(t, "q", strings.Repeat("x", 1<<20))}) == nil {
				sent++
			}
		}()
		go func() {
			for {
				if _, err := conn.Recv(); err != nil {
					return
				}
			}
		}()
		within(time.Minute)
		if sent < 30 || sent > 40 {
			t.Errorf("%d MiB were taken", sent)
		}
		expect(t, "a's observer", strings.Contains(a.RecordingObserver.String(), "down b"), false)
		close(a.gate)
		b.emit("x")
		conn.Close(core.CloseShutdown)
		within(time.Second)
		if got := a.received(); !slices.Contains(got, "b: x") {
			t.Errorf("b's message is not among %d", len(got))
		}
	})
}

// broadcastFrame is a broadcast in "/" as a peer sends it.
func broadcastFrame(t *testing.T, from, text string) []byte {
	t.Helper()
	return messageFrame(t, &core.Message{Kind: core.KindBroadcast, Namespace: "/", From: from, Payload: coretest.Event(text)})
}

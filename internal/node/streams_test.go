package node_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/transport/mem"
)

// manyNamespaces is a server with several namespaces.
type manyNamespaces struct {
	*server
	names     []string
	clusters  map[string]core.Cluster
	recorders map[string]*recorder
}

func (s *server) open(t *testing.T, names ...string) *manyNamespaces {
	t.Helper()
	r := &manyNamespaces{s, names, map[string]core.Cluster{}, map[string]*recorder{}}
	for _, name := range names {
		recorder := &recorder{heard: make(chan struct{}, 1)}
		cluster, err := s.OpenRaw(name, recorder)
		if err != nil {
			t.Fatal(err)
		}
		r.clusters[name], r.recorders[name] = cluster, recorder
	}
	return r
}

func (r *manyNamespaces) emit(name, text string) {
	r.clusters[name].Publish(&core.Message{Kind: core.KindBroadcast, Payload: coretest.Event(text)})
}

func someNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("/n%d", i)
	}
	return names
}

// Streams of a connection overtake each other. Each namespace keeps its order all the
// same and loses nothing, also while one link replaces another.
func TestBothDialWithStreams(t *testing.T) {
	for _, streams := range []int{1, 2, 5, 16} {
		for _, stagger := range []time.Duration{0, time.Millisecond, 9 * time.Millisecond} {
			t.Run(fmt.Sprint(streams, stagger), func(t *testing.T) {
				bubble(t, func(t *testing.T) { bothDialWithStreams(t, mem.WithStreams(streams, stagger)) })
			})
		}
	}
}

func bothDialWithStreams(t *testing.T, streams mem.Option) {
	w := newWorld(t, streams)
	w.net.Delay("a", "b", 3*time.Millisecond)
	names := someNames(5)
	a := w.make("a", statically("a", "b")).open(t, names...)
	b := w.make("b", statically("b", "a")).open(t, names...)
	for _, s := range []*manyNamespaces{a, b} {
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string][]string{}
	for i := range 200 {
		for _, way := range [][2]*manyNamespaces{{a, b}, {b, a}} {
			from, to := way[0], way[1]
			if len(from.Peers()) == 0 {
				continue
			}
			name := names[(i*i)%len(names)]
			from.emit(name, fmt.Sprint(i))
			want[to.ID()+name] = append(want[to.ID()+name], fmt.Sprintf("%s: %d", from.ID(), i))
		}
		time.Sleep(time.Millisecond / 2)
	}
	within(time.Second)
	for _, s := range []*manyNamespaces{a, b} {
		for _, name := range names {
			expectList(t, s.ID()+" in "+name, s.recorders[name].received(), want[s.ID()+name]...)
		}
		expect(t, s.ID()+" lost", s.Lost(), 0)
	}
	expect(t, "a's links", a.Links("b"), 1)
	expect(t, "b's links", b.Links("a"), 1)
	within(time.Minute)
	expect(t, "a's observer", a.RecordingObserver.String(), "up b")
}

// A namespace whose messages are not read delays neither other namespaces nor
// heartbeats.
func TestStalledNamespaceWithStreams(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithStreams(2, 0), mem.WithBuffer(4<<10))
		a := w.start("a").open(t, "/slow")
		b := w.start("b").open(t, "/slow")
		slow := b.recorders["/slow"]
		slow.gate = make(chan struct{})
		within(time.Second)
		text := strings.Repeat("x", 1000)
		for range 100 {
			a.emit("/slow", text)
		}
		within(time.Minute)
		expect(t, "messages of the slow namespace", len(slow.received()), 0)
		a.server.emit("hello")
		synctest.Wait()
		expectList(t, "b in the other namespace", b.received(), "a: hello")
		expect(t, "a's observer", a.RecordingObserver.String(), "up b")
		close(slow.gate)
		synctest.Wait()
		expect(t, "messages of the slow namespace, later", len(slow.received()), 100)
	})
}

// A node that leaves sends what is queued, on every stream.
func TestShutdownDrainsStreams(t *testing.T) {
	bubble(t, func(t *testing.T) {
		names := someNames(4)
		w := newWorld(t, mem.WithStreams(3, 20*time.Millisecond), mem.WithBuffer(1<<10))
		a, b := w.start("a").open(t, names...), w.start("b").open(t, names...)
		within(time.Second)
		var want []string
		for i := range 300 {
			want = append(want, fmt.Sprintf("a: %d", i))
			for _, name := range names {
				a.emit(name, fmt.Sprint(i))
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := a.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		within(time.Second)
		for _, name := range names {
			expectList(t, "b in "+name, b.recorders[name].received(), want...)
		}
	})
}

// Small messages that wait together share a BATCH frame, if the peer takes such frames.
// A single message is sent without one.
func TestSmallMessagesShareFrames(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, mem.WithBuffer(1<<10)) // so that what is emitted waits
		a, b := w.start("a"), w.start("b")
		within(time.Second)
		var kinds []byte
		w.net.Tap(func(from, _ string, frame []byte) {
			if from == "a" {
				kinds = append(kinds, frame[0])
			}
		})
		a.emit("alone")
		synctest.Wait()
		w.net.Hold("a", "b")
		var want []string
		for i := range 5000 {
			a.emit(fmt.Sprint(i))
			want = append(want, fmt.Sprintf("a: %d", i))
		}
		synctest.Wait()
		w.net.Heal("a", "b")
		within(time.Second)
		expectList(t, "b", b.received(), append([]string{"a: alone"}, want...)...)
		expect(t, "the one that was alone", kinds[0], 0x01)
		if len(kinds) > 1000 || !slices.Contains(kinds, 0x07) {
			t.Errorf("%d frames for 5000 messages", len(kinds))
		}
	})
}

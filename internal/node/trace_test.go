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
)

// trace begins a trace that ends with the test.
func (f *full) trace(t *testing.T, filter core.TraceFilter, rate int) core.Trace {
	t.Helper()
	trace, err := f.server.Trace(filter, rate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trace.Close)
	return trace
}

// showMessages is what a read has of messages, in short.
func showMessages(read core.TraceRead) string {
	var lines []string
	for _, m := range read.Messages {
		line := fmt.Sprintf("%s %s %q of %d %s", m.Kind, m.Namespace, m.Rooms, m.RoomCount, m.Event)
		for _, c := range m.Copies {
			line += fmt.Sprintf(" %s:%s", c.Peer, c.State)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

// TestTrace: a node shows what it sends, and others when that has come.
func TestTrace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, _ := w.aware("a"), w.aware("b"), w.aware("c")
		within(time.Second)
		b.host.Connect("socket", "room")
		synctest.Wait()
		of := core.TraceFilter{Kinds: []core.Kind{core.KindBroadcast, core.KindSocketsJoin}, Room: "room"}
		at, bt := a.trace(t, of, 100), b.trace(t, of, 100)

		before := at.Now()
		within(time.Second)
		a.Broadcast(core.Payload{Text: []byte(`[ "new\u0073" ,{"secret":1}]`)}, inRooms("room", "other"))
		a.Broadcast(coretest.Event("elsewhere"), inRooms("other"))
		a.DelSockets(inRooms("room"), []string{"x"})
		within(time.Second) // nothing is withheld any more that would go before the join
		a.AddSockets(core.Target{}, []string{"x", "room"})
		synctest.Wait()
		read := at.Read()
		expect(t, "messages", showMessages(read), `broadcast /full ["room" "other"] of 2 news b:queued c:withheld; sockets-join /full ["x" "room"] of 2  b:queued c:queued`)
		if text := fmt.Sprintf("%+v", read); strings.Contains(text, "secret") {
			t.Errorf("a payload is shown: %s", text)
		}
		if m := read.Messages[0]; m.Bytes != 28 || m.At <= before || m.Number == read.Messages[1].Number {
			t.Errorf("%+v", m)
		}
		expect(t, "sends", len(read.Sends), 3)
		first := read.Sends[slices.IndexFunc(read.Sends, func(s core.TracedSend) bool { return s.Peer == "b" })]
		if first.Peer != "b" || first.Codec != "json" || first.Bytes < 28 || first.Number != read.Messages[0].Number || first.Position.Session == "" {
			t.Errorf("%+v", first)
		}

		arrived := bt.Arrivals([]core.TracePosition{first.Position, {Session: first.Position.Session, Position: first.Position.Position + 1}, {Session: "none"}})
		if len(arrived) != 1 || arrived[0].TracePosition != first.Position || arrived[0].Received <= before || arrived[0].Handled < arrived[0].Received {
			t.Errorf("arrivals at b: %+v, of %+v", arrived, first)
		}
		if more := at.Read(); len(more.Messages)+len(more.Sends) > 0 || more.Skipped+more.Lost > 0 {
			t.Errorf("read twice: %+v", more)
		}
	})
}

// TestTraceOfWithheld: what routing by interest withholds is shown as withheld, then as left
// out; or, if somebody there had joined before, as queued and sent.
func TestTraceOfWithheld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, _ := w.aware("a"), w.aware("b"), w.aware("c")
		w.far("a", "b", 20*time.Millisecond)
		w.far("a", "c", 20*time.Millisecond)
		within(time.Second)
		at, bt := a.trace(t, core.TraceFilter{Room: "room"}, 100), b.trace(t, core.TraceFilter{Room: "room"}, 100)
		client := b.host.Connect("socket", "room")
		a.Broadcast(coretest.Event("crossing"), inRooms("room"))
		published := at.Now()
		read := at.Read()
		expect(t, "messages", showMessages(read), `broadcast /full ["room"] of 1 crossing b:withheld c:withheld`)
		expect(t, "sends and releases at first", len(read.Sends)+len(read.Releases), 0)

		within(time.Second)
		expectList(t, "client", client.Received(), texts("crossing")...)
		late := at.Read()
		states := map[string]core.CopyState{}
		for _, r := range late.Releases {
			states[r.Peer] = r.State
			if took := time.Duration(r.At - published); r.Number != read.Messages[0].Number || took < 20*time.Millisecond || took > 100*time.Millisecond {
				t.Errorf("%+v, after %v", r, took)
			}
		}
		if len(late.Releases) != 2 || states["b"] != core.CopyQueued || states["c"] != core.CopyLeftOut {
			t.Errorf("releases: %+v", late.Releases)
		}
		if len(late.Sends) != 1 || late.Sends[0].Peer != "b" || late.Sends[0].Number != read.Messages[0].Number {
			t.Fatalf("sends: %+v", late.Sends)
		}
		if got := bt.Arrivals([]core.TracePosition{late.Sends[0].Position}); len(got) != 1 || got[0].Handled == 0 {
			t.Errorf("arrivals at b: %+v", got)
		}
		expect(t, "bytes withheld in the end", a.server.Withheld(), 0)
	})
}

// TestTraceOfAnswers: requests and answers are shown, and the answers are not waited for.
func TestTraceOfAnswers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.full("a"), w.full("b")
		within(time.Second)
		at, bt := a.trace(t, core.TraceFilter{Peer: "b"}, 100), b.trace(t, core.TraceFilter{}, 100)
		if _, err := a.FetchSockets(t.Context(), core.Target{}).Wait(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		asked, answered := at.Read(), bt.Read()
		expect(t, "a", showMessages(asked), `fetch-sockets /full [] of 0  b:queued`)
		expect(t, "b", showMessages(answered), `fetch-sockets-response /full [] of 0  a:queued`)
		if asked.Messages[0].Request == "" || asked.Messages[0].Request != answered.Messages[0].Request {
			t.Errorf("%+v and %+v", asked, answered)
		}
		if got := at.Arrivals([]core.TracePosition{answered.Sends[0].Position}); len(got) != 1 || got[0].Received == 0 || got[0].Handled != 0 {
			t.Errorf("the answer: %+v", got)
		}
		if got := bt.Arrivals([]core.TracePosition{asked.Sends[0].Position}); len(got) != 1 || got[0].Handled == 0 {
			t.Errorf("the question: %+v", got)
		}
	})
}

// TestTraceFilters: a message is shown if all that is wanted of it holds.
func TestTraceFilters(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, _, _ := w.full("a"), w.full("b"), w.full("c")
		within(time.Second)
		for _, c := range []struct {
			filter core.TraceFilter
			shown  int
		}{
			{core.TraceFilter{}, 1},
			{core.TraceFilter{Kinds: []core.Kind{core.KindFetchSockets, core.KindBroadcast}}, 1},
			{core.TraceFilter{Kinds: []core.Kind{core.KindFetchSockets}}, 0},
			{core.TraceFilter{Namespace: "/full"}, 1},
			{core.TraceFilter{Namespace: "/"}, 0},
			{core.TraceFilter{Room: "room"}, 1},
			{core.TraceFilter{Room: "roo"}, 0},
			{core.TraceFilter{Peer: "a"}, 1},
			{core.TraceFilter{Peer: "c"}, 1},
			{core.TraceFilter{Peer: "d"}, 0},
		} {
			trace := a.trace(t, c.filter, 100)
			a.Broadcast(coretest.Event("x"), inRooms("room"))
			if got := len(trace.Read().Messages); got != c.shown {
				t.Errorf("%+v: %d messages, want %d", c.filter, got, c.shown)
			}
			trace.Close()
			trace.Close()
			a.Broadcast(coretest.Event("x"), inRooms("room"))
			if got := len(trace.Read().Messages); got != 0 {
				t.Errorf("%d messages after the end", got)
			}
		}
	})
}

// TestTraceIsBounded: a trace shows so many messages in a second, keeps so much, and there
// are so many of them.
func TestTraceIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, _ := w.full("a"), w.full("b")
		within(time.Second)
		emit := func(n int) {
			for range n {
				a.Broadcast(coretest.Event("x"), core.Target{})
			}
		}
		slow := a.trace(t, core.TraceFilter{}, 2)
		emit(5)
		read := slow.Read()
		expect(t, "shown and skipped", fmt.Sprint(len(read.Messages), read.Skipped), "2 3")
		within(500 * time.Millisecond)
		emit(2)
		read = slow.Read()
		expect(t, "half a second later", fmt.Sprint(len(read.Messages), read.Skipped), "1 4")

		fast := a.trace(t, core.TraceFilter{}, 1<<20)
		emit(core.TraceMessages + 10)
		read = fast.Read()
		expect(t, "kept and lost", fmt.Sprint(len(read.Messages), read.Lost), fmt.Sprint(core.TraceMessages, 10))
		emit(1)
		expect(t, "after that", len(fast.Read().Messages), 1)

		a.trace(t, core.TraceFilter{}, 1)
		a.trace(t, core.TraceFilter{}, 1)
		if _, err := a.server.Trace(core.TraceFilter{}, 1); err == nil || !strings.Contains(err.Error(), "too many") {
			t.Errorf("a fifth trace: %v", err)
		}
		fast.Close()
		again := a.trace(t, core.TraceFilter{}, 1)
		emit(1)
		expect(t, "in its place", len(again.Read().Messages), 1)
	})
}

// TestTraceAfterResume: positions go on when a link takes up where another one has broken.
func TestTraceAfterResume(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.full("a"), w.full("b")
		within(time.Second)
		at, bt := a.trace(t, core.TraceFilter{}, 100), b.trace(t, core.TraceFilter{}, 100)
		for i := range 3 {
			a.Broadcast(coretest.Event(fmt.Sprint(i)), core.Target{})
			synctest.Wait()
			w.net.Partition("a", "b")
			a.Broadcast(coretest.Event("meanwhile"), core.Target{})
			synctest.Wait()
			w.net.Heal("a", "b")
			within(20 * time.Second)
		}
		sends := map[core.TracePosition]bool{}
		var asked []core.TracePosition
		read := at.Read()
		for _, s := range read.Sends {
			if !sends[s.Position] {
				sends[s.Position] = true
				asked = append(asked, s.Position)
			}
		}
		expect(t, "messages", len(read.Messages), 6)
		expect(t, "positions", len(asked), 6)
		expect(t, "arrivals", len(bt.Arrivals(asked)), 6)
	})
}

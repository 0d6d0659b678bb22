package cluster_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
)

// A listener may ask the server whose event it handles, and wait: the response does not
// wait in the inbox behind that event.
func TestInboxListenerMayAskTheSender(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		found := -1
		w.b.Host.Listen(func(core.Payload, func(core.Payload)) {
			sockets, err := w.b.FetchSockets(t.Context(), core.Target{}).Wait()
			if err != nil {
				t.Error(err)
			}
			found = len(sockets)
		})
		began := time.Now()
		w.a.ServerSideEmit(coretest.Event("count them"))
		synctest.Wait()
		expect(t, "found", found, 6)
		expect(t, "it took", time.Since(began), 0)
	})
}

// Listeners of two servers that ask each other end at their deadline: each question
// waits in the inbox behind the listener that has asked.
func TestInboxListenersThatWaitForEachOther(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		for _, s := range []*coretest.Server{w.a, w.b} {
			s.Host.Listen(func(core.Payload, func(core.Payload)) {
				s.FetchSockets(t.Context(), core.Target{}).Wait()
			})
		}
		w.a.ServerSideEmit(coretest.Event("x"))
		w.b.ServerSideEmit(coretest.Event("x"))
		within(requestTimeout)
		sockets, err := w.c.FetchSockets(t.Context(), core.Target{}).Wait()
		expect(t, "found", len(sockets), 6)
		expect(t, "error", err, nil)
	})
}

// A listener that blocks delays later messages of the same sender only.
func TestInboxesAreIndependent(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		gate := make(chan struct{})
		w.b.Host.Listen(func(event core.Payload, _ func(core.Payload)) {
			if strings.Contains(string(event.Text), "block") {
				<-gate
			}
		})
		w.a.ServerSideEmit(coretest.Event("block"))
		w.a.Broadcast(coretest.Event("from a"), core.Target{})
		w.c.Broadcast(coretest.Event("from c"), core.Target{})
		synctest.Wait()
		expectList(t, "b1 heard", w.client("b1").Received(), `["from c"]`)
		close(gate)
		synctest.Wait()
		expectList(t, "b1 heard at last", w.client("b1").Received(), `["from c"]`, `["from a"]`)
	})
}

// If one server sends more than its inbox holds, it has to wait until there is space.
// Nothing is lost.
func TestInboxIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := coretest.NewFabric()
		t.Cleanup(f.Close)
		cfg := core.AdapterConfig{InboxBytes: 64 << 10}
		a, b := f.Join("a", cfg), f.Join("b", cfg)
		client := b.Host.Connect("b1")
		gate := make(chan struct{})
		b.Host.Before(func(coretest.Call) { <-gate })
		const n = 200
		text := strings.Repeat("x", 1000)
		for i := range n {
			a.Broadcast(coretest.Event(fmt.Sprint(i), text), core.Target{})
		}
		synctest.Wait()
		taken := len(b.Messages())
		if taken < 50 || taken > 66 {
			t.Errorf("took %d messages of 1 kB into 64 kB", taken)
		}
		for range taken * 3 / 4 { // space comes with half of the messages, not when all are done
			gate <- struct{}{}
			synctest.Wait()
		}
		if now := len(b.Messages()); now < taken+10 || now > taken+66 {
			t.Errorf("took %d, and %d after three quarters were done", taken, now)
		}
		close(gate)
		synctest.Wait()
		got := client.Received()
		expect(t, "received", len(got), n)
		for i, text := range got {
			if !strings.HasPrefix(text, fmt.Sprintf(`["%d",`, i)) {
				t.Fatalf("message %d is %.20s", i, text)
			}
		}
	})
}

// A message larger than the bound is taken when the inbox is empty.
func TestInboxTakesOneMessageAboveItsBound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := coretest.NewFabric()
		t.Cleanup(f.Close)
		cfg := core.AdapterConfig{InboxBytes: 1000}
		a, b := f.Join("a", cfg), f.Join("b", cfg)
		client := b.Host.Connect("b1")
		for range 3 {
			a.Broadcast(coretest.Event("giant", strings.Repeat("x", 10_000)), core.Target{})
			a.Broadcast(coretest.Event("small"), core.Target{})
		}
		synctest.Wait()
		expect(t, "received", len(client.Received()), 6)
	})
}

// fill blocks b's host, and sends from a until b's inbox is full. The function that it
// returns lets the host go on.
func fill(t *testing.T, f *coretest.Fabric) (a, b *coretest.Server, free func()) {
	cfg := core.AdapterConfig{InboxBytes: 1000}
	a, b = f.Join("a", cfg), f.Join("b", cfg)
	gate := make(chan struct{})
	b.Host.Before(func(coretest.Call) { <-gate })
	for i := range 10 {
		a.Broadcast(coretest.Event(fmt.Sprint(i)), core.Target{})
	}
	synctest.Wait()
	if n := len(b.Messages()); n >= 10 {
		t.Fatalf("the inbox has taken %d messages", n)
	}
	return a, b, func() { close(gate) }
}

func TestInboxClosedWhileFull(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := coretest.NewFabric()
		_, b, free := fill(t, f)
		b.Close() // does not wait for the host
		f.Close() // waits for Receive to return
		free()
		synctest.Wait()
		expect(t, "calls of the host", len(b.Host.Calls()), 1)
	})
}

func TestInboxSenderLeavesWhileFull(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := coretest.NewFabric()
		_, b, free := fill(t, f)
		before := len(b.Messages())
		b.Receiver.MemberLeft("a", core.ErrSilentPeer)
		synctest.Wait()
		if len(b.Messages()) == before {
			t.Error("Receive is still blocked")
		}
		free()
		synctest.Wait()
		expect(t, "calls of the host", len(b.Host.Calls()), 10)
		f.Close()
	})
}

// What a server sent before it left is carried out.
func TestInboxOutlivesItsSender(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		gate := make(chan struct{})
		w.b.Host.Listen(func(core.Payload, func(core.Payload)) { <-gate })
		w.a.ServerSideEmit(coretest.Event("block"))
		w.a.Broadcast(coretest.Event("last words"), core.Target{})
		synctest.Wait()
		w.Kill("a")
		synctest.Wait()
		expect(t, "servers", w.b.ServerCount(), 2)
		close(gate)
		synctest.Wait()
		expectList(t, "b1 heard", w.client("b1").Received(), `["last words"]`)
	})
}

func TestInboxSurvivesPanics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log bytes.Buffer
		f := coretest.NewFabric()
		t.Cleanup(f.Close)
		cfg := core.AdapterConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))}
		a, b := f.Join("a", cfg), f.Join("b", cfg)
		client := b.Host.Connect("b1")
		b.Host.Before(func(call coretest.Call) {
			if call.Method == "Sockets" || call.Method == "ServerSideEmit" {
				panic("user code")
			}
		})
		a.ServerSideEmit(coretest.Event("x"))
		call := a.FetchSockets(t.Context(), core.Target{})
		a.Broadcast(coretest.Event("ev"), core.Target{})
		synctest.Wait()
		expectList(t, "b1 heard", client.Received(), `["ev"]`)
		_, err := call.Wait()
		expectMissing(t, err, core.ErrIncomplete, "b")
		for _, want := range []string{"level=ERROR", "user code", "inbox_test.go", "kind=server-side-emit", "kind=fetch-sockets", "peer=a"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not say %q", want)
			}
		}
	})
}

// A listener may close its own adapter.
func TestInboxListenerMayClose(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.b.Host.Listen(func(core.Payload, func(core.Payload)) { w.b.Close() })
		w.a.ServerSideEmit(coretest.Event("close"))
		w.a.Broadcast(coretest.Event("too late"), core.Target{})
		synctest.Wait()
		expect(t, "servers", w.a.ServerCount(), 2)
		expectList(t, "b1 heard", w.client("b1").Received())
	})
}

// After Close operations act on local sockets only.
func TestAdapterClosed(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		w.a.Close()
		synctest.Wait()
		traffic := w.traffic()
		w.a.Broadcast(coretest.Event("ev"), core.Target{})
		w.a.AddSockets(core.Target{}, []string{"x"})
		w.a.AddAll("b1", []string{"x"})
		w.a.Del("b1", "odd")
		w.a.DelAll("b1")
		w.a.ServerSideEmit(coretest.Event("ev"))
		w.a.Receiver.Receive(&core.Message{Kind: core.KindBroadcast, From: "b", Namespace: "/", Payload: coretest.Event("stray")})
		w.a.Receiver.MemberJoined("d")
		w.a.Receiver.MemberLeft("d", core.ErrPeerLeft)
		synctest.Wait()
		expect(t, "messages", traffic(), 0)
		expectList(t, "a1 heard", w.client("a1").Received(), `["ev"]`)
		expect(t, "in x", w.in("x"), "a1 a2")
		expectList(t, "b1 heard", w.client("b1").Received())
	})
}

// Messages of servers that have not joined yet, or have left, are handled in order too.
func TestInboxOfAStranger(t *testing.T) {
	inTrio(t, func(t *testing.T, w *trio) {
		var want []string
		for i := range 100 {
			text := fmt.Sprintf(`["%d"]`, i)
			want = append(want, text)
			w.b.Receiver.Receive(&core.Message{Kind: core.KindBroadcast, From: "x", Namespace: "/", Payload: core.Payload{Text: []byte(text)}})
			switch i {
			case 20, 60:
				w.b.Receiver.MemberJoined("x")
			case 40, 80:
				w.b.Receiver.MemberLeft("x", core.ErrPeerLeft)
			case 50, 70:
				synctest.Wait()
			}
		}
		synctest.Wait()
		expectList(t, "b1 heard", w.client("b1").Received(), want...)
	})
}

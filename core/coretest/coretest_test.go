package coretest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEvent(t *testing.T) {
	p := coretest.Event("ev", 1, []byte{7}, nil, []byte{8, 9})
	want := `["ev",1,{"_placeholder":true,"num":0},null,{"_placeholder":true,"num":1}]`
	if string(p.Text) != want || len(p.Attachments) != 2 || p.Attachments[1][1] != 9 {
		t.Errorf("got %s with %v", p.Text, p.Attachments)
	}
	if p := coretest.Value([]byte{1}); string(p.Text) != `{"_placeholder":true,"num":0}` || len(p.Attachments) != 1 {
		t.Errorf("got %s with %v", p.Text, p.Attachments)
	}
}

// TestLogAwait: a line that is there counts, and one that comes. One of another level, or
// another text, does not.
func TestLogAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log coretest.Log
		logger := log.Logger()
		logger.Warn("there")
		go func() {
			logger.Info("late")
			time.Sleep(time.Second)
			logger.Warn("other")
			logger.Warn("late")
		}()
		if !log.Await("WARN", "there", time.Minute) || !log.Await("WARN", "late", time.Minute) {
			t.Errorf("not seen in\n%s", &log)
		}
		if began := time.Now(); log.Await("ERROR", "late", time.Minute) || time.Since(began) != time.Minute {
			t.Errorf("given up after %v", time.Since(began))
		}
	})
}

func TestHostMatches(t *testing.T) {
	h := coretest.NewHost()
	h.Connect("1", "x")
	h.Connect("2", "x", "y")
	h.Connect("3", "y")
	for want, to := range map[string]core.Target{
		"1 2 3": {},
		"1 2":   {Rooms: []string{"x"}},
		"2 3":   {Rooms: []string{"3", "2"}},
		"1":     {Rooms: []string{"x"}, Except: []string{"y"}},
		"3":     {Except: []string{"x"}},
		"":      {Rooms: []string{"z"}},
	} {
		var got []string
		for _, s := range h.Sockets(to, true) {
			got = append(got, s.ID)
			if !s.Handshake.IsZero() || !s.Data.IsZero() {
				t.Errorf("brief: %+v", s)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%+v: %q, want %q", to, got, want)
		}
	}
}

func TestHostMovesSockets(t *testing.T) {
	h := coretest.NewHost()
	c := h.Connect("1", "x")
	one := core.Target{Rooms: []string{"1"}}
	h.Join(one, []string{"y", "z"})
	h.Leave(one, []string{"x"})
	if got := c.Rooms(); !slices.Equal(got, []string{"1", "y", "z"}) {
		t.Errorf("rooms: %q", got)
	}
	h.Leave(one, nil)
	if got := c.Rooms(); len(got) != 0 || !h.Has("1") {
		t.Errorf("rooms: %q", got)
	}
	h.Disconnect(core.Target{}, true)
	if h.Has("1") || c.Connected() || !c.Closed() || h.Client("1") != nil {
		t.Error("still there")
	}
	if h.Count("Leave") != 2 || len(h.Calls()) != 4 {
		t.Errorf("calls: %+v", h.Calls())
	}
}

func TestHostGathersAcks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := coretest.NewHost()
		h.Connect("at once").AnswerWith(coretest.Value(1))
		h.Connect("silent")
		for name, after := range map[string]time.Duration{"in time": time.Second, "late": time.Minute} {
			h.Connect(name).Answer(func(_ core.Payload, ack func(core.Payload)) {
				time.AfterFunc(after, func() { ack(coretest.Value(2)); ack(coretest.Value(3)) })
			})
		}
		clients := 0
		var got []core.Payload
		to := core.Target{Flags: core.Flags{Timeout: 5 * time.Second}}
		h.BroadcastWithAck(coretest.Event("ask"), to, func(n int) { clients = n }, func(p core.Payload) { got = append(got, p) })
		time.Sleep(time.Hour)
		synctest.Wait()
		if texts := coretest.Texts(got); clients != 4 || !slices.Equal(texts, []string{"1", "2"}) {
			t.Errorf("%d clients, acknowledgements %q", clients, texts)
		}
	})
}

func TestHostUntil(t *testing.T) {
	h := coretest.NewHost()
	c := h.Connect("1")
	go h.Broadcast(coretest.Event("ev"), core.Target{})
	if err := h.Until(t.Context(), func() bool { return len(c.Received()) == 1 }); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Until(ctx, func() bool { return false }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// numbers are what a client has heard, as a string.
func numbers(c *coretest.Client) string {
	return strings.NewReplacer(`["`, "", `"]`, "").Replace(strings.Join(c.Received(), " "))
}

func TestFabric(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := coretest.NewFabric()
		defer f.Close()
		a, b, c := f.Join("a", core.AdapterConfig{}), f.Join("b", core.AdapterConfig{}), f.JoinReference("c", core.AdapterConfig{})
		atB, atC := b.Host.Connect("b1"), c.Host.Connect("c1")
		emit := func(n int) { a.Broadcast(coretest.Event(fmt.Sprint(n)), core.Target{}); synctest.Wait() }
		expect := func(what, wantB, wantC string) {
			t.Helper()
			if b, c := numbers(atB), numbers(atC); b != wantB || c != wantC {
				t.Errorf("%s: b has heard %q, c %q; want %q and %q", what, b, c, wantB, wantC)
			}
		}
		emit(1)
		expect("plain", "1", "1")

		f.Hold("a", "b")
		emit(2)
		emit(3)
		expect("held", "1", "1 2 3")
		f.Release("a", "b")
		synctest.Wait()
		expect("released", "1 2 3", "1 2 3")

		f.Filter(func(_, to string, m *core.Message) bool { return to != "c" })
		emit(4)
		f.Filter(nil)
		expect("filtered", "1 2 3 4", "1 2 3")

		if err := a.Say("c", &core.Message{Kind: core.KindSocketsLeaveAll}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if c.Host.Count("Leave") != 0 {
			t.Error("a reference server got what it does not know")
		}
		if err := a.Say("x", &core.Message{Kind: core.KindBroadcast}); !errors.Is(err, core.ErrNoServer) {
			t.Errorf("to nobody: %v", err)
		}

		f.Hold("a", "b")
		a.Broadcast(coretest.Event("lost"), core.Target{})
		f.Kill("a")
		synctest.Wait()
		expect("killed", "1 2 3 4", "1 2 3 lost")
		if got := b.Servers(); !slices.Equal(got, []string{"b", "c"}) {
			t.Errorf("b sees %q", got)
		}
		emit(5)
		expect("dead", "1 2 3 4", "1 2 3 lost")
		c.Close()
		synctest.Wait()
		if n := b.ServerCount(); n != 1 {
			t.Errorf("b sees %d servers", n)
		}
	})
}

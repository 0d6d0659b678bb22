package node_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/node"
)

// as is a role with a token.
func as(role core.Role, token string) func(*core.Config) {
	return func(cfg *core.Config) { cfg.Role, cfg.AuthToken = role, token }
}

// server is a server's configuration that lets emitters and observers in by tokens of
// their own.
func withRoles(cfg *core.Config) {
	cfg.AuthToken = "s"
	cfg.EmitterTokens = func() []string { return []string{"e", "e2"} }
	cfg.ObserverTokens = func() []string { return []string{"o"} }
}

// TestEmitter: what it sends reaches clients, and it gets nothing, is asked nothing, and is
// no member. It dials, whichever id is the smaller one.
func TestEmitter(t *testing.T) {
	for _, id := range []string{"0", "z"} {
		for _, token := range []string{"e", "e2", "s"} {
			t.Run(id+token, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					w := newWorld(t)
					a, b := w.start("a", withRoles), w.start("b", withRoles)
					e := w.start(id, as(core.RoleEmitter, token))
					within(5 * time.Second)
					e.emit("1")
					within(time.Second)
					a.emit("for servers")
					within(time.Second)
					expectList(t, "a got", a.received(), id+": 1")
					expectList(t, "b got", b.received(), id+": 1", "a: for servers")
					expectList(t, "the emitter got", e.received())
					expectMembers(t, a, b)
					expectList(t, "the emitter's members", e.Members())
					expect(t, "messages that the emitter was sent", len(e.Stats().Received), 0)
					for _, p := range a.Peers() {
						if want := map[bool]core.Role{true: core.RoleEmitter, false: core.RoleServer}[p.ID == id]; p.Role != want {
							t.Errorf("a has %s for an %s", p.ID, p.Role)
						}
					}
					if _, err := a.Ask(t.Context(), id, nil); err == nil {
						t.Error("it is asked")
					}
					w.net.Partition("a", id)
					w.net.Cut("a", id)
					e.emit("2")
					a.emit("3")
					within(3 * time.Second)
					w.net.Heal("a", id)
					within(15 * time.Second)
					expectList(t, "a got", a.received(), id+": 1", id+": 2")
					expect(t, "lost", a.Stats().Lost+a.Stats().LostOut+e.Stats().Lost+e.Stats().LostOut, 0)
					expect(t, "forbidden", len(a.Stats().Forbidden), 0)
					expect(t, "not authorised", a.Stats().RefusalReasons["unauthorized"], 0)
				})
			})
		}
	}
}

// TestEmitterThatWasAway: what was published while an emitter was away was not for it, and
// is not told as lost.
func TestEmitterThatWasAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, e := w.start("a", withRoles), w.start("e", as(core.RoleEmitter, "e"))
		within(2 * time.Second)
		w.net.Partition("a", "e")
		within(time.Minute)
		a.emit("1")
		w.net.Heal("a", "e")
		within(time.Minute)
		e.emit("2")
		within(time.Second)
		expectList(t, "a got", a.received(), "e: 2")
		expect(t, "lost", a.Stats().LostOut+e.Stats().Lost, 0)
	})
}

// TestObserver: it hears of namespaces and asks, and sends and gets no events.
func TestObserver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.make("a", withRoles)
		a.OnAsk(func(_ context.Context, from core.PeerInfo, question []byte, _ int) ([]byte, error) {
			return fmt.Appendf(nil, "%s %s %s", from.ID, from.Role, question), nil
		})
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		o := w.start("o", as(core.RoleObserver, "o"))
		within(2 * time.Second)
		a.emit("1")
		o.emit("2")
		within(time.Second)
		expectList(t, "a got", a.received())
		expectList(t, "the observer got", o.received())
		expectList(t, "the observer's members", o.Members(), "a")
		expectList(t, "a's members", a.Members())
		answer, err := o.Ask(t.Context(), "a", []byte("?"))
		if string(answer) != "o observer ?" || err != nil {
			t.Errorf("answered %q, %v", answer, err)
		}
		expectList(t, "asked of nobody", o.Publish(&core.Message{Kind: core.KindFetchSockets, RequestID: "x"}), "a")
		if o.logs.Count("WARN", "not sending a message") == 0 {
			t.Error("the application is not told")
		}
	})
}

// TestRolesAreEnforced: who says that it is an emitter or an observer, and sends what those
// may not, is not heard; it is counted and logged, and the link stays.
func TestRolesAreEnforced(t *testing.T) {
	const id = "0123456789abcdef"
	messages := []*core.Message{
		{Kind: core.KindInitialHeartbeat}, {Kind: core.KindHeartbeat}, {Kind: core.KindAdapterClose},
		{Kind: core.KindBroadcast, RequestID: id, Payload: coretest.Event("ask")},
		{Kind: core.KindServerSideEmit, RequestID: id, Payload: coretest.Event("ask")},
		{Kind: core.KindFetchSockets, RequestID: id},
		{Kind: core.KindFetchSocketsResponse, RequestID: id},
		{Kind: core.KindServerSideEmitResponse, RequestID: id},
		{Kind: core.KindBroadcastClientCount, RequestID: id, Count: 1},
		{Kind: core.KindBroadcastAck, RequestID: id},
		{Kind: core.KindBroadcast, Payload: coretest.Event("event")},
		{Kind: core.KindServerSideEmit, Payload: coretest.Event("event")},
		{Kind: core.KindSocketsJoin, To: rooms("n2"), Rooms: []string{"r"}},
		{Kind: core.KindSocketsLeave, To: rooms("n2"), Rooms: []string{"r"}},
		{Kind: core.KindSocketsLeaveAll, To: rooms("nobody")},
		{Kind: core.KindDisconnectSockets, To: rooms("n2"), Close: true},
	}
	const emittable = 6 // the last ones
	for role, allowed := range map[core.Role]int{core.RoleEmitter: emittable, core.RoleObserver: 0} {
		for _, from := range []string{"q", core.EmitterID} {
			t.Run(string(role)+", as "+from, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					w := newWorld(t)
					n := w.adapted("n", func(cfg *core.Config) { cfg.Codecs = []core.Codec{json.New()} })
					conn := w.dial("n")
					l := &linkOf{t, conn, json.New()}
					send(t, conn, node.HelloOfRole("q", role))
					recv(t, conn)
					send(t, conn, node.ResumableStart("s", "e", 0))
					for _, m := range messages {
						said := *m
						said.From = from
						l.say(&said)
					}
					within(time.Second)
					var heard []string
					if allowed > 0 {
						heard = []string{`["event"]`}
					}
					expectList(t, "n2 heard", n.n2.Received(), heard...)
					expect(t, "n2 is here", n.host.Has("n2"), allowed == 0)
					expect(t, "servers", n.ServerCount(), 1)
					stats := n.Stats()
					total := uint64(0)
					for _, count := range stats.Forbidden[role] {
						total += count
					}
					expect(t, "counted by role", total, uint64(len(messages)-allowed))
					expect(t, "questions of sockets", stats.Forbidden[role][core.KindFetchSockets], 1)
					expect(t, "counted by reason", stats.IgnoreReasons["role"], uint64(len(messages)-allowed))
					expect(t, "links", n.Links("q"), 1)

					send(t, conn, node.QuestionFrame("{}"))
					want := "answers no questions"
					if role == core.RoleEmitter {
						want = core.ErrForbidden.Error()
					}
					for {
						if answer := recv(t, conn); answer[0] == 0x0c {
							if !bytes.Contains(answer, []byte(want)) {
								t.Errorf("answered %q", answer)
							}
							break
						}
					}
				})
			})
		}
	}
}

// TestRoleCannotExceedTheToken: a token lets in who says that he is what it stands for, or
// less; nobody with the wrong one.
func TestRoleCannotExceedTheToken(t *testing.T) {
	for _, c := range []struct {
		role   core.Role
		token  string
		linked bool
	}{
		{core.RoleServer, "s", true}, {core.RoleServer, "e", false}, {core.RoleServer, "o", false},
		{core.RoleEmitter, "s", true}, {core.RoleEmitter, "e", true}, {core.RoleEmitter, "o", false}, {core.RoleEmitter, "", false},
		{core.RoleObserver, "s", true}, {core.RoleObserver, "e", false}, {core.RoleObserver, "o", true}, {core.RoleObserver, "x", false},
	} {
		for _, id := range []string{"0", "z"} {
			t.Run(fmt.Sprint(c, id), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					w := newWorld(t)
					a, b := w.start("a", withRoles), w.start(id, as(c.role, c.token))
					within(5 * time.Second)
					expect(t, "linked", len(a.Peers()) == 1 && len(b.Peers()) == 1, c.linked)
					if c.linked {
						expect(t, "role", a.Peers()[0].Role, c.role)
					} else if a.RefusedWith(core.ErrUnauthorized)+b.RefusedWith(core.ErrUnauthorized) == 0 {
						t.Error("it is not reported")
					}
				})
			})
		}
	}
}

// TestEmitterIsNoServerToOthers: who has an emitter's token cannot pass for a server.
// Neither of two nodes without a server links with the other, and no server dials them.
func TestEmitterIsNoServerToOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		all := []*server{w.start("0", as(core.RoleEmitter, "s")), w.start("1", as(core.RoleObserver, "s")), w.start("2", as(core.RoleEmitter, "s"))}
		within(5 * time.Second)
		for _, s := range all {
			expect(t, s.ID()+"'s peers", len(s.Peers()), 0)
			expect(t, s.ID()+" misses", len(s.Roster().Unlinked), 0)
			expect(t, s.ID()+" warns", strings.Count(s.logs.String(), "level=WARN"), 0)
		}
		if all[0].Stats().RefusalReasons["role"] == 0 {
			t.Error("it is not counted")
		}
		a := w.start("a", withRoles)
		within(time.Minute)
		expect(t, "a's peers", len(a.Peers()), 3)
		expect(t, "a warns", strings.Count(a.logs.String(), "level=WARN"), 0)
	})
}

// TestEmitterNeedsServersThatKnowRoles: a server of a version that would take it for another
// server gets no link with it.
func TestEmitterNeedsServersThatKnowRoles(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.startSpeaking("a", &node.Dialect{Min: 1, Max: 1, NoKey: true}, withToken("s"))
		e := w.start("e", as(core.RoleEmitter, "s"))
		within(5 * time.Second)
		expect(t, "peers", len(a.Peers())+len(e.Peers()), 0)
		if e.RefusedWith(core.ErrUnsupported) == 0 {
			t.Error("it is not reported")
		}
	})
}

// TestUnknownRoleIsRefused: what is none of the roles is refused.
func TestUnknownRoleIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a")
		conn := w.dial("a")
		send(t, conn, node.HelloOfRole("q", "emperor"))
		expect(t, "closed with", closedWith(t, conn), core.CloseHelloInvalid)
		synctest.Wait()
		expect(t, "peers", len(a.Peers()), 0)
	})
}

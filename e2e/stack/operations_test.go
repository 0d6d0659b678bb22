package stack

import (
	"fmt"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
)

// Nodes come and go, and everybody knows.
func TestMembership(t *testing.T) {
	onEveryStack(t, func(w *world) {
		a, b := w.start("a"), w.start("b")
		w.meet([]*member{a, b})
		late := w.start("c")
		w.meet([]*member{a, b, late})
		a.say(0)
		w.heard(late, "a", 1)

		// Namespaces have members of their own.
		there, err := coretest.NewTestServer(late.node, "/chat")
		if err != nil {
			w.Fatal(err)
		}
		here, err := coretest.NewTestServer(a.node, "/chat")
		if err != nil {
			w.Fatal(err)
		}
		w.eventually(func() error { return servers(here, there, "ac") })
		here.Broadcast(coretest.Event("chat"), core.Target{})
		w.settle(here, there)
		w.want("heard in the namespace", there.Clients[0].Received(), `[["chat"]]`)
		w.want("heard by those who are not in it", strings.Join(late.Clients[0].Received(), " "), `["n","a",1,""]`)
		there.Close()
		w.eventually(func() error { return servers(here, here, "a") })
		w.meet([]*member{a, b, late})

		if err := b.stop(); err != nil {
			w.Error(err)
		}
		w.meet([]*member{a, late})
		for _, m := range []*member{a, late} {
			w.eventually(func() error {
				if len(m.node.Peers()) != 1 || m.Down("b") == nil {
					return fmt.Errorf("%s still has a link to b", m.ID)
				}
				return nil
			})
			w.wantErr("why b is gone", m.Down("b"), core.ErrPeerLeft)
		}
	})
}

// Whatever acts on sockets acts on those of all nodes.
func TestOperations(t *testing.T) {
	onEveryStack(t, func(w *world) {
		a, b, c := w.start("a"), w.start("b"), w.start("c")
		w.meet([]*member{a, b, c})
		coretest.Operations(w, a.TestServer, b.TestServer, c.TestServer, func() {
			w.settle(a.TestServer, b.TestServer, c.TestServer)
			if w.codec == "msgpack" {
				// It has no word for leaving all rooms: they are asked for first,
				// which takes there and back, and there again.
				w.settle(a.TestServer, b.TestServer, c.TestServer)
				w.settle(a.TestServer, b.TestServer, c.TestServer)
			}
		})
	})
}

// Requests get everybody's answer, many of them at once.
func TestRequests(t *testing.T) {
	onEveryStack(t, func(w *world) {
		a, b, c := w.start("a"), w.start("b"), w.start("c")
		w.meet([]*member{a, b, c})
		const times = 20
		var asked []*asking
		for range times {
			asked = append(asked, w.askAll(a)...)
		}
		for _, q := range asked {
			answers, err := q.wait()
			w.want(q.name, answers, "[a1 b1 c1]")
			w.wantErr(q.name, err, nil)
		}
	})
}

package stack

import (
	"fmt"
	"testing"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
)

// A node that is killed is not waited for any more. The others lose nothing of each
// other. The one that takes its place is one of them.
func TestKillAndRestart(t *testing.T) {
	onEveryStack(t, func(w *world) {
		a, c := w.start("a", alert), w.start("c", alert)
		v := w.victim("v", a, c)
		members := []*member{a, c}
		w.meet(members, "v")
		stopA, stopC := w.chat(a), w.chat(c)
		a.ServerSideEmit(coretest.Event("talk"))
		for _, m := range members {
			w.heard(m, "v", 50)
			w.heard(m, "a", 50)
			w.heard(m, "c", 50)
		}

		v.hang()
		asked := w.askAll(a)
		w.eventually(func() error {
			// When c is asked, so is v. There has been one server-side event.
			if n := c.Host.Count("Sockets") + c.Host.Count("BroadcastWithAck") + c.Host.Count("ServerSideEmit"); n != 1+len(asked) {
				return fmt.Errorf("c was asked %d times", n-1)
			}
			return nil
		})
		v.kill()
		for _, q := range asked {
			answers, err := q.wait()
			w.want(q.name, answers, "[a1 c1]")
			w.wantErr(q.name, err, nil) // a server that dies is no error
		}
		w.meet(members)

		w.victim("w", a, c)
		w.meet(members, "w")
		for _, q := range w.askAll(a) {
			answers, err := q.wait()
			w.want(q.name+" of the new one", answers, "[a1 c1 w1]")
			w.wantErr(q.name, err, nil)
		}
		c.ServerSideEmit(coretest.Event("talk"))
		for _, m := range members {
			w.heard(m, "w", 20)
		}
		stopA()
		stopC()
		for _, m := range members {
			w.complete(m, "a", 1, a.sent.Load())
			w.complete(m, "c", 1, c.sent.Load())
		}
	})
}

// A node that takes nothing in is cut when too much waits for it, it alone, and
// comes back when it can.
func TestSlowPeerIsCut(t *testing.T) {
	onEveryStack(t, func(w *world) {
		// The slow peer is to be cut for what waits, not for its silence, of which the others tell as well.
		patient := func(cfg *core.Config) { cfg.HeartbeatInterval, cfg.HeartbeatTimeout = patience, 2*patience }
		a := w.start("a", patient, func(cfg *core.Config) { cfg.QueueBytes = 512 << 10 })
		c := w.start("c", patient)
		v := w.victim("v", a, c)
		members := []*member{a, c}
		w.meet(members, "v")
		v.hang()
		const padding, atOnce, most = 16 << 10, 16, 64 << 20
		for sent := 0; a.Down("v") == nil; sent += atOnce * padding {
			if sent > most {
				w.Fatalf("the slow peer is not cut after %d bytes", sent)
			}
			for range atOnce {
				a.say(padding)
			}
			w.heard(c, "a", a.sent.Load()) // who keeps up is not to be cut
		}
		w.wantErr("why the slow peer is gone", a.Down("v"), core.ErrSlowPeer)
		w.want("whom c has lost", c.Down("a"), nil)
		v.resume()
		w.meet(members, "v")
		for _, q := range w.askAll(a) {
			answers, err := q.wait()
			w.want(q.name+" when it is back", answers, "[a1 c1 v1]")
			w.wantErr(q.name, err, nil)
		}
		w.complete(c, "a", 1, a.sent.Load())
	})
}

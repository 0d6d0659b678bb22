package e2e

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

// TestSilentServer: a server that does not answer in time is named, and counts
// on.
func TestSilentServer(t *testing.T) {
	for _, kind := range []string{goKind, nodeKind} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, goKind, []string{goKind, goKind, kind}, args{"requestTimeout": 500, "heartbeatTimeout": 300_000})
			s := setStage(t, c, 0)
			silent := s.servers[2]
			s.clients[0].answer(t, "q", "a")
			silent.signal(t, syscall.SIGSTOP)
			pending := s.askAround(silent, true, 0)
			delete(pending, "emitWithAck") // waits as long as it is told to
			pending.settle(s, silent)
			value, failure := s.gather("emitWithAck", args{"args": list{"q"}, "to": list{s.clients[0].sid}, "flags": args{"timeout": 500}})
			same(t, "answers", value, list{"a"})
			same(t, "error", failure, "operation has timed out")
			same(t, "servers", s.do("serverCount", nil), 3)
			silent.signal(t, syscall.SIGCONT)
			value, failure = s.gather("serverSideEmitWithAck", args{"args": list{"ask all but", "nobody"}})
			sameSet(t, "answers of all", value, list{s.servers[1].id, silent.id})
			same(t, "error", failure, nil)
			s.round() // the questions
			s.emit("hello")
			s.got(list{"hello"}, yes, yes, yes)
		})
	}
}

// TestSlowPeer: a server that takes nothing in is cut when too much waits for
// it. The others get everything meanwhile, and it is let in again.
func TestSlowPeer(t *testing.T) {
	for _, kind := range []string{goKind, nodeKind} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, goKind, []string{goKind, goKind, kind}, args{"queueBytes": 1 << 20, "heartbeatTimeout": 60_000})
			s := setStage(t, c, 0)
			slow := s.servers[2]
			slow.signal(t, syscall.SIGSTOP)
			const batch, size = 20, 20_000
			sent := 0
			procs.Eventually(t, linkTime, func() error {
				s.do("burst", args{"nsps": list{s.nsp}, "count": batch, "size": size})
				sent += batch
				if !s.clients[1].has(t, "n", sent) {
					t.Fatalf("%s gets nothing any more after %d messages", s.clients[1].name, sent)
				}
				if count := s.do("serverCount", nil); count != 2.0 {
					return fmt.Errorf("%s has not been cut after %d messages", slow.name, sent)
				}
				return nil
			})
			t.Logf("cut after %d kB", sent*size/1000)
			slow.signal(t, syscall.SIGCONT)
			t.Logf("back after %v", c.know(t, s.nsp, c.servers...))
			s.emit("hello")
			s.clients[2].wait(t, "hello", 1)
		})
	}
}

// TestBurstIsDelivered: 40 MB that are emitted at once arrive, all of it, at the clients
// of every server, as they do in Node.
func TestBurstIsDelivered(t *testing.T) {
	for _, kind := range []string{goKind, nodeKind} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, goKind, []string{goKind, goKind, kind}, nil)
			s := setStage(t, c, 0)
			const count, size = 640, 62_500
			s.do("burst", args{"nsps": list{s.nsp}, "count": count, "size": size})
			for _, client := range s.clients {
				if !client.has(t, "n", count) {
					t.Errorf("%s has not got all", client.name)
				}
			}
			same(t, "servers", s.do("serverCount", nil), 3)
		})
	}
}

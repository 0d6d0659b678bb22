package e2e

import (
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
)

// TestChaos: whatever comes over servers and discovery, one after the other and
// without a rest between, in the end they are one mesh. MESH_E2E_SEED and
// MESH_E2E_ROUNDS choose another course.
func TestChaos(t *testing.T) {
	t.Parallel()
	seed, rounds := fromEnv("MESH_E2E_SEED", 1), fromEnv("MESH_E2E_ROUNDS", 12)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	c := startCluster(t, goKind, []string{goKind, nodeKind, goKind}, args{"heartbeatInterval": 500, "heartbeatTimeout": 4000})
	restart := func(i int, how syscall.Signal) {
		old := c.servers[i]
		old.signal(t, how)
		old.ended(t)
		c.servers[i] = c.add(t, old.kind, args{"meshPort": portOf(old.mesh), "httpPort": portOf(old.url)})
	}
	events := []struct {
		name string
		do   func(i int)
	}{
		{"is killed", func(i int) { restart(i, syscall.SIGKILL) }},
		{"leaves", func(i int) { restart(i, syscall.SIGTERM) }},
		{"hangs", func(i int) {
			c.servers[i].signal(t, syscall.SIGSTOP)
			c.servers[(i+1)%3].do(t, "emit", args{"args": list{"meanwhile"}})
			c.servers[i].signal(t, syscall.SIGCONT)
		}},
		{"is there when discovery restarts", func(int) {
			c.discovery.Kill()
			c.discovery = startDiscovery(t, goKind, args{"port": c.discovery.port()})
		}},
	}
	for range rounds {
		i, event := random.IntN(3), events[random.IntN(len(events))]
		t.Logf("%s %s", c.servers[i].name, event.name)
		event.do(i)
	}
	t.Logf("one mesh after %v", c.know(t, "/", c.servers...))
	s := setStage(t, c, 0)
	s.emit("hello")
	s.got(list{"hello"}, yes, yes, yes)
	value, failure := s.gather("fetchSockets", nil)
	same(t, "error", failure, nil)
	sameSet(t, "sockets", ids(value), list{s.clients[0].sid, s.clients[1].sid, s.clients[2].sid})
}

func fromEnv(name string, value int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return value
}

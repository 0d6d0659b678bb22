package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/socketmesh/mesh/internal/loopback"
)

// TestDiscoveryTrouble: whatever discovery does, no live link of a Go server
// moves, and no message is lost.
func TestDiscoveryTrouble(t *testing.T) {
	for _, kind := range []string{goKind, nodeKind} {
		t.Run(kind+"'s dies and comes back empty", func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, kind, []string{goKind, goKind, goKind}, nil)
			undisturbed(t, c, func() {
				port := c.discovery.port()
				c.discovery.Kill()
				c.discovery = startDiscovery(t, kind, args{"port": port})
				// It has heard of all again when somebody new finds all.
				c.know(t, "/", append(c.servers, c.add(t, goKind, nil))...)
			})
		})
	}
	t.Run("lies", func(t *testing.T) {
		t.Parallel()
		c := startCluster(t, nodeKind, []string{goKind, goKind, goKind}, nil)
		entry := func(id, address string) args { return args{"serverId": id, "address": address} }
		a, b := c.servers[0], c.servers[1]
		lies := []list{
			{entry(a.id, a.mesh)}, // one only
			{},
			{entry(a.id, b.mesh), entry(b.id, a.mesh)}, // addresses swapped
			{entry(a.id, "ws://127.0.0.1:1"), entry("ffffffffffffffff", "ws://127.0.0.1:1")},
			{entry("0000000000000000", b.mesh), entry("fffffffffffffffe", a.mesh)}, // strangers at known addresses
			{entry("", ""), entry("x", "not an address"), entry("y", "http://127.0.0.1:1")},
			{args{"serverId": 1}, nil, "text", args{}},
		}
		undisturbed(t, c, func() {
			for _, servers := range lies {
				c.discovery.do(t, "announce", args{"servers": servers})
			}
			// They have been heard when the truth has that follows them.
			c.know(t, "/", append(c.servers, c.add(t, goKind, nil))...)
		})
	})
	t.Run("is down at first", func(t *testing.T) {
		t.Parallel()
		port := loopback.FreePort(t, 1)
		c := &cluster{options: args{"discovery": fmt.Sprintf("ws://127.0.0.1:%d", port)}}
		for _, kind := range []string{goKind, nodeKind, goKind} {
			c.servers = append(c.servers, c.add(t, kind, nil))
		}
		for _, s := range c.servers { // they work on their own
			client := connect(t, s, "/", nil)
			s.do(t, "emit", args{"args": list{"alone"}})
			client.wait(t, "alone", 1)
		}
		startDiscovery(t, goKind, args{"port": port})
		t.Logf("together after %v", c.know(t, "/", c.servers...))
	})
	t.Run("dies, with a Node server in the mesh", func(t *testing.T) {
		t.Parallel()
		c := startCluster(t, goKind, []string{goKind, nodeKind, goKind}, nil)
		port := c.discovery.port()
		c.discovery.Kill()
		c.discovery = startDiscovery(t, goKind, args{"port": port})
		// The reference acts on the short rosters; the mesh is whole again soon.
		late := c.add(t, goKind, nil)
		c.know(t, "/", append(c.servers, late)...)
	})
}

// TestStaticPeers: a list of addresses is enough.
func TestStaticPeers(t *testing.T) {
	t.Parallel()
	var ports []int
	var peers list
	for range 3 {
		ports = append(ports, loopback.FreePort(t, 1))
		peers = append(peers, fmt.Sprintf("ws://127.0.0.1:%d", ports[len(ports)-1]))
	}
	c := &cluster{options: args{"peers": peers}}
	for _, port := range ports {
		c.servers = append(c.servers, c.add(t, goKind, args{"meshPort": port}))
	}
	c.know(t, "/", c.servers...)
	s := setStage(t, c, 0)
	s.emit("hello")
	s.got(list{"hello"}, yes, yes, yes)
}

// undisturbed checks that traffic flows, completely and in order, while trouble
// goes on, and that no link of the servers has ended.
func undisturbed(t *testing.T, c *cluster, trouble func()) {
	t.Helper()
	s := setStage(t, c, 0)
	const batch = 100
	stop := make(chan struct{})
	batches := 0
	var traffic sync.WaitGroup
	traffic.Go(func() {
		for {
			if _, err := s.origin.ask("burst", args{"nsps": list{s.nsp}, "count": batch}); err != nil {
				t.Error(err)
				return
			}
			batches++
			select {
			case <-stop:
				return
			default:
			}
			// The slowest client sets the pace.
			if came, err := driver.ask("has", args{"name": s.clients[2].name, "event": "n", "count": batches * batch, "within": within}); came != true {
				t.Errorf("traffic stands still after %d messages: %v", batches*batch, err)
				return
			}
		}
	})
	trouble()
	close(stop)
	traffic.Wait()
	for _, client := range s.clients {
		got := client.wait(t, "n", batches*batch)
		if len(got) != batches*batch {
			t.Errorf("%s: %d messages, %d were sent", client.name, len(got), batches*batch)
		}
		for i, n := range got {
			if n.([]any)[1] != float64(i%batch) {
				t.Fatalf("%s: message %d is %v", client.name, i, n)
			}
		}
	}
	t.Logf("%d messages meanwhile", batches*batch)
	for _, server := range c.servers {
		for _, other := range c.servers {
			if other != server && (strings.Contains(linesWith(server.Log.String(), other.id), "peer down") || strings.Contains(linesWith(server.Log.String(), other.id), "peer lost")) {
				t.Errorf("%s has lost %s", server.name, other.name)
			}
		}
	}
	c.know(t, s.nsp, c.servers...)
}

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/socketmesh/mesh/e2e/internal/procs"
	"github.com/socketmesh/mesh/internal/loopback"
)

// Kinds of processes: ours, and the stand-in for the reference.
const (
	goKind   = "go"
	nodeKind = "node"
)

// linkTime is how long a mesh may take to form.
const linkTime = time.Minute

// server is a Socket.IO server process.
type server struct {
	*process
	kind string
	id   string // in the mesh
	url  string // for clients
	mesh string // address for peers
}

// startServer starts a server; options are those of ./server/main.go.
func startServer(t *testing.T, kind string, options args) *server {
	t.Helper()
	// One that takes its place finds the ports free.
	options = with(args{"meshPort": loopback.FreePort(t, 1), "httpPort": loopback.FreePort(t, 1)}, options)
	command := []string{binaries.server, asJSON(options)}
	if kind == nodeKind {
		command = []string{"node", "node/server.js", asJSON(options)}
	}
	s := &server{process: start(t, kind+" server", command...), kind: kind}
	var ready struct{ ID, URL, Mesh string }
	decodeInto(s.Ready, &ready)
	s.id, s.url, s.mesh = ready.ID, ready.URL, ready.Mesh
	s.name += " " + s.id
	return s
}

// discovery is a discovery service process.
type discovery struct {
	*process
	url string
}

func startDiscovery(t *testing.T, kind string, options args) *discovery {
	t.Helper()
	options = with(with(args{"port": loopback.FreePort(t, 1)}, options), args{"role": "discovery"})
	command := []string{binaries.server, asJSON(options)}
	if kind == nodeKind {
		command = []string{"node", "node/discovery.js", asJSON(options)}
	}
	d := &discovery{process: start(t, kind+" discovery", command...)}
	var ready struct{ URL string }
	decodeInto(d.Ready, &ready)
	d.url = ready.URL
	return d
}

// port is where the service listens, for one that takes its place.
func (d *discovery) port() int { return portOf(d.url) }

func portOf(url string) int {
	var port int
	fmt.Sscanf(url[strings.LastIndex(url, ":")+1:], "%d", &port)
	return port
}

// with is options with more of them.
func with(options, more args) args {
	all := maps.Clone(options)
	if all == nil {
		all = args{}
	}
	maps.Copy(all, more)
	return all
}

// cluster is a mesh of servers that have found each other.
type cluster struct {
	discovery *discovery
	servers   []*server
	options   args
}

// startCluster starts a discovery service and servers, and waits until each of
// them knows all.
func startCluster(t *testing.T, discoveryKind string, kinds []string, options args) *cluster {
	t.Helper()
	d := startDiscovery(t, discoveryKind, nil)
	c := &cluster{discovery: d, options: with(options, args{"discovery": d.url})}
	c.servers = make([]*server, len(kinds))
	var work sync.WaitGroup
	for i, kind := range kinds {
		work.Go(func() { c.servers[i] = startServer(t, kind, c.options) })
	}
	work.Wait()
	if t.Failed() {
		t.FailNow()
	}
	c.know(t, "/", c.servers...)
	return c
}

// add starts one more server, and does not wait for anything.
func (c *cluster) add(t *testing.T, kind string, more args) *server {
	t.Helper()
	return startServer(t, kind, with(c.options, more))
}

// know waits until all of servers have links to each other and count each other
// in a namespace.
func (c *cluster) know(t *testing.T, nsp string, servers ...*server) time.Duration {
	t.Helper()
	return procs.Eventually(t, linkTime, func() error {
		for _, s := range servers {
			peers := toStrings(s.do(t, "peers", nil))
			for _, other := range servers {
				if other != s && !slices.Contains(peers, other.id) {
					return fmt.Errorf("%s has links to %v, not to %s", s.name, peers, other.name)
				}
			}
			if count := s.do(t, "serverCount", args{"nsp": nsp}); count != float64(len(servers)) {
				return fmt.Errorf("%s counts %v servers in %s, not %d", s.name, count, nsp, len(servers))
			}
		}
		return nil
	})
}

// open opens a namespace on all servers, and waits until they know.
func (c *cluster) open(t *testing.T, nsp string) {
	t.Helper()
	for _, s := range c.servers {
		s.do(t, "open", args{"nsp": nsp})
	}
	c.know(t, nsp, c.servers...)
}

package mesh_test

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/discovery/discoverytest"
	"github.com/socketmesh/mesh/discovery/dns"
	"github.com/socketmesh/mesh/discovery/gossip"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/internal/dnstest"
	"github.com/socketmesh/mesh/internal/loopback"
)

// fiveNodes are servers with Socket.IO. Each has a channel of the server-side events that
// it gets.
type fiveNodes struct {
	t        *testing.T
	meshes   []*mesh.Mesh
	servers  []*socket.Server
	received []chan struct{}
}

// startNodes starts servers one after the other, with what config says for each. found is
// called when one has been started.
func startNodes(t *testing.T, n int, config func(i int) (mesh.Config, []mesh.Option), found func(i int, m *mesh.Mesh)) *fiveNodes {
	t.Helper()
	f := &fiveNodes{t: t}
	for i := range n {
		c, options := config(i)
		c.RedialMax = 500 * time.Millisecond // addresses without ids are dialled from both ends
		m, err := mesh.New(c, options...)
		if err != nil {
			t.Fatal(err)
		}
		o := socket.DefaultServerOptions()
		if err := m.Configure(o); err != nil {
			t.Fatal(err)
		}
		io, received := socket.NewServer(nil, o), make(chan struct{}, 100)
		io.On("hello", func(...any) { received <- struct{}{} })
		started(t, m)
		t.Cleanup(func() { io.Close(nil) })
		f.meshes, f.servers, f.received = append(f.meshes, m), append(f.servers, io), append(f.received, received)
		found(i, m)
	}
	return f
}

// wantWhole waits until each of these servers has a link to all others, and checks that
// an event of each reaches all others.
func (f *fiveNodes) wantWhole(indices ...int) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	for _, i := range indices {
		if err := f.meshes[i].WaitForPeers(ctx, len(indices)-1); err != nil {
			f.t.Fatalf("server %d: %v", i, err)
		}
	}
	for _, i := range indices {
		f.servers[i].ServerSideEmit("hello")
	}
	for _, i := range indices {
		for got := range len(indices) - 1 {
			select {
			case <-f.received[i]:
			case <-ctx.Done():
				f.t.Fatalf("server %d has got %d events: want %d", i, got, len(indices)-1)
			}
		}
	}
}

// TestDNSFiveNodes: five servers with one port find each other by the addresses of a name.
// DNS fails, then loses one of them: links stay.
func TestDNSFiveNodes(t *testing.T) {
	const name = "chat.default.svc.cluster.local"
	resolver := dnstest.Start(t)
	port := loopback.FreePort(t, 5)
	var ips []string
	var log coretest.Log
	var first *discoverytest.Watched
	f := startNodes(t, 5, func(i int) (mesh.Config, []mesh.Option) {
		address := net.JoinHostPort(loopback.Host(i), strconv.Itoa(port))
		o := dns.Options{Name: name, Port: port, Resolver: resolver.Resolver(), Interval: 20 * time.Millisecond}
		if i == 0 {
			o.Logger = log.Logger()
		}
		d := discoverytest.Watch(dns.New(o))
		if i == 0 {
			first = d
		}
		return mesh.Config{Listen: address, Advertise: "ws://" + address, DialNetworks: []string{"127.0.0.0/8"}}, []mesh.Option{mesh.WithDiscovery(d)}
	}, func(i int, _ *mesh.Mesh) {
		ips = append(ips, loopback.Host(i))
		resolver.SetHost(name, ips...)
	})
	f.wantWhole(0, 1, 2, 3, 4)
	since := f.meshes[0].Peers()[3].Since
	warned := log.Count("WARN", "cannot resolve") // before the name had addresses
	resolver.Fail(true)
	await.Condition(t, "DNS fails", func() bool {
		return !f.meshes[0].Roster().Endpoints[0].Heard && log.Count("WARN", "cannot resolve") > warned
	})
	resolver.SetHost(name, ips[:4]...)
	resolver.Fail(false)
	until(t, first, "the roster shrinks", func() bool { return f.meshes[0].Roster().Others == 3 })
	if e := f.meshes[0].Roster().Endpoints[0]; !e.Heard {
		t.Errorf("DNS answers: the endpoint is %+v", e)
	}
	f.wantWhole(0, 1, 2, 3, 4)
	if !f.meshes[0].Peers()[3].Since.Equal(since) {
		t.Error("a link has moved")
	}
}

// TestGossipFiveNodes: five servers gossip, with the first one as the seed of all. Then the
// first one ends, and a new one joins by another.
func TestGossipFiveNodes(t *testing.T) {
	var all []*gossip.Discovery
	var watched []*discoverytest.Watched
	next := func(seeds ...string) (mesh.Config, []mesh.Option) {
		d := gossip.New(gossip.Options{Listen: "127.0.0.1:0", Network: "local", Seeds: seeds, Keys: [][]byte{gossip.Key("secret")}, RejoinMin: 50 * time.Millisecond})
		all, watched = append(all, d), append(watched, discoverytest.Watch(d))
		return mesh.Config{Listen: "127.0.0.1:0", AuthToken: "secret"}, []mesh.Option{mesh.WithDiscovery(watched[len(watched)-1])}
	}
	gossips := func(i int, _ *mesh.Mesh) {
		until(t, watched[i], "it gossips", func() bool { return all[i].Addr() != "" })
	}
	f := startNodes(t, 5, func(i int) (mesh.Config, []mesh.Option) {
		if i == 0 {
			return next()
		}
		return next(all[0].Addr())
	}, gossips)
	f.wantWhole(0, 1, 2, 3, 4)

	f.servers[0].Close(nil)
	if err := f.meshes[0].Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	late := startNodes(t, 1, func(int) (mesh.Config, []mesh.Option) { return next(all[3].Addr()) }, func(int, *mesh.Mesh) {})
	f.meshes, f.servers, f.received = append(f.meshes, late.meshes...), append(f.servers, late.servers...), append(f.received, late.received...)
	f.wantWhole(1, 2, 3, 4, 5)
}

// TestSRVFiveNodes: five servers with a port each, by SRV records.
func TestSRVFiveNodes(t *testing.T) {
	const name = "_mesh._tcp.chat.example"
	resolver := dnstest.Start(t)
	resolver.SetHost("node.example", "127.0.0.1")
	var records []*net.SRV
	f := startNodes(t, 5, func(int) (mesh.Config, []mesh.Option) {
		d := dns.New(dns.Options{Name: name, Resolver: resolver.Resolver(), Interval: 20 * time.Millisecond})
		return mesh.Config{Listen: "127.0.0.1:0"}, []mesh.Option{mesh.WithDiscovery(d)}
	}, func(_ int, m *mesh.Mesh) {
		_, port, _ := net.SplitHostPort(m.Addr())
		number, _ := strconv.Atoi(port)
		records = append(records, &net.SRV{Target: "localhost", Port: uint16(number)})
		resolver.SetSRV(name, records...)
	})
	f.wantWhole(0, 1, 2, 3, 4)
}

// until waits for what a discovery tells.
func until(t *testing.T, d *discoverytest.Watched, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := d.Until(ctx, cond); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

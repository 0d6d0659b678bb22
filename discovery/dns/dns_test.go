package dns

import (
	"cmp"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/discovery/discoverytest"
	"github.com/socketmesh/mesh/internal/dnstest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	// A lookup ends when it is answered or its time is up, whatever its context does.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("net.(*Resolver).tryOneName"),
		goleak.IgnoreAnyFunction("net.(*Resolver).lookupIP"),
		goleak.IgnoreAnyFunction("net.(*Resolver).lookupIPAddr.func2"))
}

const (
	name    = "chat.default.svc.cluster.local"
	srvName = "_mesh._tcp." + name
)

func TestConformance(t *testing.T) {
	discoverytest.Run(t, discoverytest.Features{Reports: true}, func(t *testing.T) func() core.Discovery {
		s := dnstest.Start(t)
		s.SetHost(name, "10.0.0.1", "10.0.0.2")
		return func() core.Discovery {
			return New(Options{Name: name, Port: 4000, Resolver: s.Resolver(), Interval: 10 * time.Millisecond})
		}
	})
}

// running is a Discovery that runs.
type running struct {
	*Discovery
	*discoverytest.Running
}

func run(t *testing.T, s *dnstest.Server, o Options) running {
	t.Helper()
	o.Resolver = s.Resolver()
	o.Interval = cmp.Or(o.Interval, 5*time.Millisecond)
	d := New(o)
	return running{d, discoverytest.Start(t, d, core.Peer{ID: "x", Address: "ws://10.0.0.1:4000"})}
}

// at are servers at these addresses. DNS knows no ids.
func at(addresses ...string) (peers []core.Peer) {
	for _, address := range addresses {
		peers = append(peers, core.Peer{Address: address})
	}
	return peers
}

// TestHost: A and AAAA records, each with the port. The own address is left out.
func TestHost(t *testing.T) {
	s := dnstest.Start(t)
	s.SetHost(name, "10.0.0.2", "10.0.0.1", "fd00::1")
	d := run(t, s, Options{Name: name, Port: 4000})
	d.Want(at("ws://10.0.0.2:4000", "ws://[fd00::1]:4000")...)
	s.SetHost(name, "10.0.0.3", "10.0.0.1")
	d.Want(at("ws://10.0.0.3:4000")...)
	if e := d.Endpoints()[0]; e.Name != name+":4000" || !e.Heard || e.Err != nil || e.Peers != 2 || e.Last.IsZero() {
		t.Errorf("the endpoint is told as %+v", e)
	}
}

// TestSRV: SRV records have a port each. Names stay names, for certificates.
func TestSRV(t *testing.T) {
	s := dnstest.Start(t)
	s.SetSRV(srvName, &net.SRV{Target: "b." + name, Port: 4001}, &net.SRV{Target: "a." + name, Port: 4000}, &net.SRV{Target: ".", Port: 0})
	d := run(t, s, Options{Name: srvName, Scheme: "wss", Path: "/mesh"})
	d.Want(at("wss://a."+name+":4000/mesh", "wss://b."+name+":4001/mesh")...)
	s.SetSRV(srvName, &net.SRV{Target: "c." + name, Port: 4002})
	d.Want(at("wss://c." + name + ":4002/mesh")...)
}

// TestFailuresChangeNothing: lookups that fail, and names that are gone, keep the last
// servers. The log says so once.
func TestFailuresChangeNothing(t *testing.T) {
	var log coretest.Log
	s := dnstest.Start(t)
	s.SetHost(name, "10.0.0.2")
	d := run(t, s, Options{Name: name, Port: 4000, Logger: log.Logger()})
	d.Want(at("ws://10.0.0.2:4000")...)
	s.Fail(true)
	s.AwaitQueries(t, 20)
	if e := d.Endpoints()[0]; e.Heard || e.Err == nil || e.Peers != 1 {
		t.Errorf("the endpoint is told as %+v", e)
	}
	s.SetHost(name)
	s.Fail(false)
	s.AwaitQueries(t, 20)
	if unread := d.Unread(); len(unread) > 0 {
		t.Errorf("reported %v", unread)
	}
	if n := log.Count("WARN", "cannot resolve"); n != 1 {
		t.Errorf("%d warnings: want one\n%s", n, &log)
	}
	s.SetHost(name, "10.0.0.4")
	d.Want(at("ws://10.0.0.4:4000")...)
}

// TestFailsForLong: a server whose name does not exist yet goes on asking, however long it takes:
// the time between two lookups, which doubles, stays at the interval.
func TestFailsForLong(t *testing.T) {
	s := dnstest.Start(t)
	s.Fail(true)
	d := run(t, s, Options{Name: name, Port: 4000, Interval: time.Millisecond, RetryMin: time.Millisecond})
	s.AwaitQueries(t, 200) // two for each lookup; it overflowed with the 44th
	s.SetHost(name, "10.0.0.2")
	s.Fail(false)
	d.Want(at("ws://10.0.0.2:4000")...)
}

// TestFirstFailureIsRetriedSoon: a server that starts before its name exists does not wait
// for the interval.
func TestFirstFailureIsRetriedSoon(t *testing.T) {
	s := dnstest.Start(t)
	s.Fail(true)
	d := run(t, s, Options{Name: name, Port: 4000, Interval: time.Hour, RetryMin: time.Millisecond})
	s.AwaitQueries(t, 4)
	s.SetHost(name, "10.0.0.2")
	s.Fail(false)
	d.Want(at("ws://10.0.0.2:4000")...)
}

func TestTooManyAddresses(t *testing.T) {
	var log coretest.Log
	s := dnstest.Start(t)
	s.SetHost(name, "10.0.0.2", "10.0.0.3", "10.0.0.4")
	d := run(t, s, Options{Name: name, Port: 4000, MaxPeers: 2, Logger: log.Logger()})
	d.Want(at("ws://10.0.0.2:4000", "ws://10.0.0.3:4000")...)
	if n := log.Count("WARN", "too many"); n != 1 {
		t.Errorf("%d warnings: want one", n)
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		field string
		o     Options
	}{
		{"Name", Options{}},
		{"Name", Options{Name: "ws://x", Port: 1}},
		{"Port", Options{Name: "x"}},
		{"Port", Options{Name: "x", Port: 70000}},
		{"Port", Options{Name: srvName, Port: 1}},
		{"Path", Options{Name: "x", Port: 1, Path: "mesh"}},
		{"Interval", Options{Name: "x", Port: 1, Interval: -1}},
		{"RetryMin", Options{Name: "x", Port: 1, RetryMin: -1}},
		{"Timeout", Options{Name: "x", Port: 1, Timeout: -1}},
		{"MaxPeers", Options{Name: "x", Port: 1, MaxPeers: -1}},
	} {
		bad, ok := errors.AsType[*core.ConfigError](New(c.o).Run(t.Context(), core.Peer{}, nil))
		if !ok || bad.Field != c.field {
			t.Errorf("%+v: %v, want an error of %s", c.o, bad, c.field)
		}
	}
	for text, want := range map[string]Options{"x:4000": {Name: "x", Port: 4000}, srvName: {Name: srvName}} {
		if o, err := ParseName(text); err != nil || o != want {
			t.Errorf("%s: %+v, %v", text, o, err)
		}
	}
	for _, text := range []string{"", "x", "x:", "x:70000", "ws://x:1", "_mesh._tcp.x:1"} {
		if _, err := ParseName(text); err == nil || !strings.Contains(err.Error(), "Name") && !strings.Contains(err.Error(), "Port") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

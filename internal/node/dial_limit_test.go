package node_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
)

// webTransport is a transport for mem:// and ws://. Of a ws:// address it dials, it notes
// the time; nobody answers there.
type webTransport struct {
	core.Transport
	*dialRecord
}

type dialRecord struct {
	mu      sync.Mutex
	began   []time.Time
	dialled map[string]int
	now     int
	most    int // at once
}

func (webTransport) Schemes() []string { return []string{"mem", "ws"} }

func (w webTransport) Dial(ctx context.Context, addr string) (core.Conn, error) {
	if strings.HasPrefix(addr, "mem://") {
		return w.Transport.Dial(ctx, addr)
	}
	w.record(addr, 1)
	<-ctx.Done()
	w.record("", -1)
	return nil, ctx.Err()
}

func (r *dialRecord) record(addr string, more int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now += more; more > 0 {
		r.began = append(r.began, time.Now())
		r.dialled[addr]++
		r.most = max(r.most, r.now)
	}
}

// told is a discovery that says what a test has it say.
type told chan []core.Peer

func (told) Name() string { return "service" }

func (d told) Run(ctx context.Context, _ core.Peer, update func([]core.Peer)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case roster := <-d:
			update(roster)
		}
	}
}

// web makes a node of a test dial ws:// addresses, too, and listens to d.
func web(record *dialRecord, d told, change ...func(*core.Config)) func(*core.Config) {
	return func(c *core.Config) {
		record.dialled = map[string]int{}
		c.Transport, c.Discovery = webTransport{c.Transport, record}, d
		for _, f := range change {
			f(c)
		}
	}
}

// TestRogueRoster: discovery lists 65,000 addresses. The node dials few of them at once
// and in a second, none at a path or in a network that is not allowed, and no more than it
// can keep. What it ignores is counted, and logged in a few lines. Its links stay, and a
// peer that it knows is dialled at once whatever else there is to dial.
func TestRogueRoster(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		record, discovery := &dialRecord{}, make(told)
		a := w.start("a", web(record, discovery, func(c *core.Config) {
			c.DialNetworks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
			c.MaxDials, c.DialRate = 32, 100
		}))
		b := w.start("b")
		honest := core.Peer{ID: "b", Address: "mem://b"}
		discovery <- []core.Peer{honest}
		within(time.Minute)
		expectMembers(t, a, b)

		var roster []core.Peer
		for i := range 65000 {
			address := fmt.Sprintf("ws://10.%d.%d.%d:4000", i>>16, i>>8&255, i&255)
			switch i % 5 {
			case 0:
				address += "/admin/delete-everything"
			case 1:
				address = fmt.Sprintf("ws://192.0.2.%d:%d/", i&255, 1000+i>>8)
			case 2:
				address += "/?action=delete"
			case 3:
				address = strings.Replace(address, "ws", "https", 1)
			}
			roster = append(roster, core.Peer{ID: fmt.Sprintf("x%05d", i), Address: address})
		}
		roster = append(roster, honest, core.Peer{ID: "y", Address: "ws://10.0.0.1:1/" + strings.Repeat("long", 1000)})
		lines := len(strings.Split(a.logs.String(), "\n"))
		began := time.Now()
		discovery <- roster
		within(time.Minute)

		counted := a.Stats().RosterRefusals
		for reason, want := range map[string]uint64{"path": 13000, "network": 13000, "address": 13001, "scheme": 13000, "excess": 13000 - 4095} {
			expect(t, reason, counted[reason], want)
		}
		record.mu.Lock()
		for address := range record.dialled {
			if !strings.HasPrefix(address, "ws://10.") || strings.Contains(address, "delete") || len(address) > 100 {
				t.Errorf("%s was dialled", address)
			}
		}
		expect(t, "dials at once, at most 32", record.most <= 32 && record.most > 16, true)
		inSecond := 0
		for i, at := range record.began {
			first, _ := slices.BinarySearchFunc(record.began, at.Add(-time.Second), time.Time.Compare)
			inSecond = max(inSecond, i-first)
		}
		if inSecond > 2*100 {
			t.Errorf("%d dials in a second: want the rate and its burst, 200, at most", inSecond)
		}
		expect(t, "addresses are dialled", len(record.dialled) > 100, true)
		record.mu.Unlock()
		if warnings := strings.Count(a.logs.String(), "level=WARN msg=\"ignoring") + strings.Count(a.logs.String(), "level=WARN msg=\"roster is"); warnings != 5 {
			t.Errorf("%d warnings of entries that are ignored: want one for each reason", warnings)
		}
		if more := len(strings.Split(a.logs.String(), "\n")) - lines; more > 1000 {
			t.Errorf("%d lines were logged", more)
		}
		expectMembers(t, a, b)
		expect(t, "the link has not moved", a.Peers()[0].Since.Before(began), true)

		w.net.Cut("a", "b")
		within(time.Second)
		expectMembers(t, a, b)
		expect(t, "the link is a new one", a.Stats().Peers[0].LinkSince.After(began), true)
	})
}

// TestDialPolicy: what is dialled of a roster, and why the rest is not.
func TestDialPolicy(t *testing.T) {
	const taken = ""
	networks := func(c *core.Config) {
		c.DialNetworks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	}
	paths := func(c *core.Config) { c.DialPaths = []string{"/mesh", "/nodes/*"} }
	mounted := func(c *core.Config) { c.Advertise = "ws://a:4000/mesh" }
	nothing := func(*core.Config) {}
	for _, c := range []struct {
		change  func(*core.Config)
		address string
		want    string
	}{
		{nothing, "ws://10.0.0.1:4000", taken},
		{nothing, "ws://192.0.2.1:4000/", taken},
		{nothing, "WS://host:4000", taken},
		{nothing, "ws://host:4000/mesh", "path"},
		{nothing, "ws://user@host:4000", "address"},
		{nothing, "ws://host:4000?x", "address"},
		{nothing, "ws://host:4000?", "address"},
		{nothing, "ws://host:4000#x", "address"},
		{nothing, "ws://%zz", "address"},
		{nothing, "ws:///path", "address"},
		{nothing, "http://host:80", "scheme"},
		{mounted, "ws://host:4000/mesh", taken},
		{mounted, "ws://host:4000", taken},
		{mounted, "ws://host:4000/mesh/", "path"},
		{mounted, "ws://host:4000/other", "path"},
		{paths, "ws://host:4000/mesh", taken},
		{paths, "ws://host:4000/nodes/7", taken},
		{paths, "ws://host:4000/node", "path"},
		{networks, "ws://10.1.2.3:4000", taken},
		{networks, "ws://[fd00::1]:4000", taken},
		{networks, "ws://[::ffff:10.1.2.3]:4000", taken},
		{networks, "ws://11.1.2.3:4000", "network"},
		{networks, "ws://169.254.169.254/", "network"},
		{networks, "ws://[::ffff:11.1.2.3]:4000", "network"},
		{networks, "ws://[fe80::1%25eth0]:4000", "network"},
		{networks, "ws://host:4000", taken}, // the transport judges it
		{networks, "mem://10.1.2.3", taken},
		{networks, "mem://11.1.2.3", "network"},
	} {
		t.Run(c.address, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				record, discovery := &dialRecord{}, make(told)
				a := w.start("a", web(record, discovery, c.change))
				discovery <- []core.Peer{{ID: "b", Address: c.address}}
				within(time.Millisecond)
				counted := a.Stats().RosterRefusals
				for reason, n := range counted {
					expect(t, "refused because of its "+reason, n, map[bool]uint64{true: 1}[reason == c.want])
				}
				expect(t, "dials", len(record.dialled) == 1, c.want == taken && !strings.HasPrefix(c.address, "mem://"))
				expect(t, "reasons", len(counted), 5)
			})
		})
	}
}

// TestAddressesWithoutScheme are read as the transport reads them.
func TestAddressesWithoutScheme(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		record, discovery := &dialRecord{}, make(told)
		a := w.start("a", web(record, discovery), func(c *core.Config) { c.Transport = onlyWeb{c.Transport.(webTransport)}; c.Advertise = "" })
		discovery <- []core.Peer{{ID: "b", Address: "victim:80/delete"}, {ID: "c", Address: "victim:80"}}
		within(time.Millisecond)
		expect(t, "refused", a.Stats().RosterRefusals["path"], 1)
		expect(t, "dialled", record.dialled["victim:80"], 1)
	})
}

// onlyWeb dials WebSockets alone.
type onlyWeb struct{ webTransport }

func (onlyWeb) Schemes() []string { return []string{"ws"} }

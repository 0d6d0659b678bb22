package e2e

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

// settleTime is how long the clients may take on a busy machine.
const settleTime = 2 * time.Minute

// TestRollingDrain replaces three servers one after the other, under 300 clients of
// npm's socket.io-client, a fifth of which poll. Each server drains. A client that is sent
// away is back with its first attempt, within the time that it takes to connect after the
// delay that it has chosen itself, and misses no broadcast
// while it is connected.
func TestRollingDrain(t *testing.T) {
	t.Parallel()
	const (
		polling   = 60 // clients
		webSocket = 240
		rate      = 250  // clients per second
		delay     = 100  // ms; clients add up to half of it, or take it off
		every     = 1000 // ms between broadcasts of a server, each of which is a request of every client that polls
	)
	c := startCluster(t, goKind, []string{goKind, goKind, goKind}, args{"drainRate": rate})
	b := startBalancer(t)
	for _, s := range c.servers {
		b.add(s.url)
		s.do(t, "tick", args{"every": every})
	}
	crowd := start(t, "crowd", "node", "node/crowd.js")
	crowd.do(t, "connect", args{"url": b.url, "count": polling, "transports": list{"polling"}, "reconnectionDelay": delay})
	crowd.do(t, "connect", args{"url": b.url, "count": webSocket, "transports": list{"websocket"}, "reconnectionDelay": delay})
	settled := func() {
		t.Helper()
		procs.Eventually(t, settleTime, func() error {
			_, err := crowd.Ask("settled", args{"within": 5000})
			return err
		})
	}
	settled()

	began := time.Now()
	servers := slices.Clone(c.servers)
	for i, old := range c.servers {
		drained := time.Now()
		old.signal(t, syscall.SIGTERM)
		switch code, err := old.Ended(); {
		case err != nil:
			t.Fatal(err)
		case code != 0:
			t.Fatalf("%s ended with exit code %d", old.Name, code)
		}
		t.Logf("%s drained and stopped in %v", old.Name, time.Since(drained).Round(time.Millisecond))
		b.remove(old.url)
		settled()
		servers[i] = c.add(t, goKind, nil)
		c.know(t, "/", servers...)
		b.add(servers[i].url)
		servers[i].do(t, "tick", args{"every": every})
	}
	took := time.Since(began)

	var members []member
	procs.Eventually(t, linkTime, func() error {
		members = nil
		decodeInto([]byte(asJSON(crowd.do(t, "report", nil))), &members)
		for i, m := range members {
			if m.Streams < len(servers) {
				return fmt.Errorf("client %d hears %d servers", i, m.Streams)
			}
		}
		return nil
	})
	var away, late []int
	var stalled int
	decodeInto([]byte(asJSON(crowd.do(t, "stalled", nil))), &stalled)
	moves, ticks := 0, 0
	for i, m := range members {
		if len(m.Missed) > 0 {
			t.Errorf("client %d missed broadcasts while it was connected, [server, last, next]: %v", i, m.Missed)
		}
		if slices.ContainsFunc(m.Reasons, func(reason string) bool { return reason != "transport close" }) {
			t.Errorf("client %d was disconnected by %q", i, m.Reasons)
		}
		// Each client tries after the delay that it chose itself. That its first try
		// succeeds is what can be asked of servers; how long that takes is the machine's.
		if slices.ContainsFunc(m.Attempts, func(n int) bool { return n != 1 }) {
			t.Errorf("client %d needed several attempts to come back: %v", i, m.Attempts)
		}
		moves, ticks, away, late = moves+len(m.Reasons), ticks+m.Ticks, append(away, m.Away...), append(late, m.Late...)
	}
	if len(members) != polling+webSocket || moves < polling+webSocket || len(away) != moves || len(late) != moves {
		t.Fatalf("%d clients have moved %d times and come back %d times", len(members), moves, len(away))
	}
	slices.Sort(away)
	slices.Sort(late)
	p50, p99 := len(late)/2, len(late)*99/100
	t.Logf("rolled three servers in %v: %d clients moved %d times and got %d broadcasts; %d handshakes went to a server that drained",
		took.Round(time.Millisecond), len(members), moves, ticks, b.refusals())
	t.Logf("away for %d ms (p50), %d ms (p99), %d ms (at most), of delays from %d to %d ms; back %d ms (p50), %d ms (p99), %d ms (at most) after the client's own delay; the clients' process stood still for %d ms at most",
		away[p50], away[p99], away[len(away)-1], delay/2, delay*3/2, late[p50], late[p99], late[len(late)-1], stalled)
	if b.refusals() == 0 {
		t.Error("no server that drained was asked to take a client")
	}
}

// member is what a client of the crowd has seen.
type member struct {
	Ticks    int      `json:"ticks"`
	Missed   []list   `json:"missed"`
	Reasons  []string `json:"reasons"`
	Attempts []int    `json:"attempts"`
	Away     []int    `json:"away"`
	Late     []int    `json:"late"`
	Streams  int      `json:"streams"`
}

// balancer is a load balancer as it should be: a client that begins goes to the next
// server that takes it, and stays there. It learns from the answer 503 alone that a
// server drains.
type balancer struct {
	url       string
	transport *http.Transport

	mu      sync.Mutex
	servers []string
	next    int
	at      map[string]string // by the member's number
	refused int
}

func startBalancer(t *testing.T) *balancer {
	t.Helper()
	b := &balancer{transport: &http.Transport{MaxIdleConnsPerHost: 300}, at: map[string]string{}}
	web := httptest.NewServer(&httputil.ReverseProxy{Transport: b, Rewrite: func(*httputil.ProxyRequest) {}, FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0)})
	b.url = web.URL
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
		b.transport.CloseIdleConnections()
	})
	return b
}

func (b *balancer) add(url string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.servers = append(b.servers, url)
}

func (b *balancer) remove(url string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.servers = slices.DeleteFunc(b.servers, func(s string) bool { return s == url })
}

func (b *balancer) refusals() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused
}

// RoundTrip passes a request on.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	member := r.URL.Query().Get("member")
	if r.URL.Query().Has("sid") {
		b.mu.Lock()
		server := b.at[member]
		b.mu.Unlock()
		return b.send(r, server)
	}
	b.mu.Lock()
	order := append(slices.Clone(b.servers[b.next%len(b.servers):]), b.servers[:b.next%len(b.servers)]...)
	b.next++
	b.mu.Unlock()
	var answer *http.Response
	var err error
	for _, server := range order {
		answer, err = b.send(r, server)
		if err != nil {
			continue
		}
		b.mu.Lock()
		if answer.StatusCode != http.StatusServiceUnavailable {
			b.at[member] = server
			b.mu.Unlock()
			break
		}
		b.refused++
		b.mu.Unlock()
		answer.Body.Close()
	}
	return answer, err
}

func (b *balancer) send(r *http.Request, server string) (*http.Response, error) {
	to, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = to.Scheme, to.Host
	return b.transport.RoundTrip(r)
}

package node

import (
	"cmp"
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/advertise"
)

// This file limits what discovery can make a node do: which addresses it dials, how many
// at once and how fast. Discovery may be wrong, or under somebody else's control.

// maxAddress limits the length of an address that is dialled, in bytes.
const maxAddress = 2048

// entryRefusal is why a roster entry is not dialled.
type entryRefusal int

const (
	entryTaken   entryRefusal = iota
	entryScheme               // its scheme belongs to another transport
	entryAddress              // it is malformed, too long, or has a part that is not allowed, such as a query
	entryPath                 // its path is not among DialPaths
	entryNetwork              // its IP address is not in DialNetworks
	entryExcess               // the roster is too long
	entryRefusals
)

// entryReasons are the names of the refusals in statistics, and what is logged.
var entryReasons = [entryRefusals]struct{ name, message, setting string }{
	entryScheme:  {"scheme", "ignoring peers whose addresses are for another transport", "Transport (MESH_TRANSPORT)"},
	entryAddress: {"address", "ignoring peers whose addresses are malformed", settingAdvertise + " of that server"},
	entryPath:    {"path", "ignoring peers whose addresses have a path that is not allowed", "DialPaths (MESH_DIAL_PATHS)"},
	entryNetwork: {"network", "ignoring peers whose addresses are in a network that is not allowed", "DialNetworks (MESH_DIAL_NETWORKS)"},
	entryExcess:  {"excess", "roster is too large: ignoring the rest", "Discovery (MESH_DISCOVERY)"},
}

// entryRefusalCounts counts roster entries that are not dialled.
type entryRefusalCounts [entryRefusals]atomic.Uint64

func (c *entryRefusalCounts) byName() map[string]uint64 {
	counts := make(map[string]uint64, entryRefusals-1)
	for r := entryTaken + 1; r < entryRefusals; r++ {
		counts[entryReasons[r].name] = c[r].Load()
	}
	return counts
}

// dialPolicy says which addresses of a roster may be dialled.
type dialPolicy struct {
	schemes  []string // of the transport; nil for any
	paths    []string
	networks []netip.Prefix // nil for any
}

func (n *Node) dialPolicy() dialPolicy {
	p := dialPolicy{paths: n.cfg.DialPaths, networks: n.cfg.DialNetworks}
	if t, ok := n.cfg.Transport.(core.Schemer); ok {
		p.schemes = t.Schemes()
	}
	if p.paths == nil {
		if u, err := url.Parse(n.advertised); err == nil {
			p.paths = []string{u.Path}
		}
	}
	return p
}

// judge decides whether an address may be dialled. Only WebSocket addresses have a path
// that is sent to a server; the addresses of other transports are checked by these.
func (p dialPolicy) judge(address string) entryRefusal {
	if len(address) > maxAddress {
		return entryAddress
	}
	if !strings.Contains(address, "://") && len(p.schemes) > 0 {
		address = p.schemes[0] + "://" + address // as the transport reads it
	}
	if _, ok := advertise.Dials(p.schemes, address); !ok {
		return entryScheme
	}
	scheme := schemeOf(address)
	if scheme != "ws" && scheme != "wss" {
		return p.judgeHost(hostOf(address))
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return entryAddress
	case !p.allowsPath(u.Path):
		return entryPath
	}
	return p.judgeHost(u.Hostname())
}

// judgeHost decides whether a host may be dialled. A name is allowed here: the transport
// resolves it and checks the addresses.
func (p dialPolicy) judgeHost(host string) entryRefusal {
	ip, err := netip.ParseAddr(host)
	if err != nil || p.networks == nil || advertise.Within(p.networks, ip) {
		return entryTaken
	}
	return entryNetwork
}

// allowsPath reports whether a path is in the list. A pattern that ends in * allows all
// paths that begin with the part before it. An empty path and "/" are always allowed:
// requesting them does no harm to other kinds of servers.
func (p dialPolicy) allowsPath(path string) bool {
	return path == "" || path == "/" || slices.ContainsFunc(p.paths, func(pattern string) bool {
		if beginning, ok := strings.CutSuffix(pattern, "*"); ok {
			return strings.HasPrefix(path, beginning)
		}
		return path == pattern
	})
}

// dialUrgency orders the dials that wait.
type dialUrgency int

const (
	dialAgain   dialUrgency = iota // there was a link to the address: it does not wait
	dialFirst                      // nothing is known of the address
	dialUnheard                    // the address has failed before
	dialUrgencies
)

// dialLimiter limits the dials that are under way, and those that begin per second.
// Addresses at which a peer was proven are not limited, and so do not wait for other
// entries of the roster, however many there are.
type dialLimiter struct {
	limit    int
	interval time.Duration // between two dials, on average
	burst    time.Duration // how far the dials may be ahead of this average

	mu      sync.Mutex
	active  int
	waiting [dialUrgencies][]*waitingDial
	due     time.Time // when the next dial would begin at even intervals
}

type waitingDial struct {
	begun chan struct{} // closed when the dial may begin
	ended bool          // the caller has given up
}

func newDialLimiter(limit, rate int) *dialLimiter {
	return &dialLimiter{limit: limit, interval: time.Second / time.Duration(rate), burst: time.Second}
}

// begin waits until a dial may begin, and returns the function to call at its end; nil if
// ctx has ended.
func (l *dialLimiter) begin(ctx context.Context, u dialUrgency) (end func()) {
	if u == dialAgain {
		return func() {}
	}
	if !l.take(ctx, u) {
		return nil
	}
	wait := l.pace(time.Now())
	if wait == 0 {
		return l.end
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return l.end
	case <-ctx.Done():
		l.end()
		return nil
	}
}

// take waits until fewer than limit dials are under way; it reports false if ctx has
// ended.
func (l *dialLimiter) take(ctx context.Context, u dialUrgency) bool {
	l.mu.Lock()
	if l.active < l.limit {
		l.active++
		l.mu.Unlock()
		return true
	}
	w := &waitingDial{begun: make(chan struct{})}
	l.waiting[u] = append(l.waiting[u], w)
	l.mu.Unlock()
	select {
	case <-w.begun:
		return true
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-w.begun:
		l.next()
	default:
		w.ended = true
	}
	return false
}

// pace returns how long a dial has to wait for the limit per second.
func (l *dialLimiter) pace(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if earliest := now.Add(-l.burst); l.due.Before(earliest) {
		l.due = earliest
	}
	l.due = l.due.Add(l.interval)
	return max(0, l.due.Sub(now))
}

func (l *dialLimiter) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next()
}

// next lets the next waiting dial begin when one has ended: the most urgent, and of these
// the one that has waited longest; l.mu is held.
func (l *dialLimiter) next() {
	for u := range l.waiting {
		for len(l.waiting[u]) > 0 {
			w := l.waiting[u][0]
			l.waiting[u] = l.waiting[u][1:]
			if !w.ended {
				close(w.begun)
				return
			}
		}
	}
	l.active--
}

// refusedEntries are the entries of one roster that are not dialled, with an example per
// reason.
type refusedEntries [entryRefusals]struct {
	count   uint64
	example core.Peer
}

func (r *refusedEntries) add(why entryRefusal, p core.Peer) {
	r[why].example = cmp.Or(r[why].example, p)
	r[why].count++
}

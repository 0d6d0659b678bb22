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

// What follows bounds what discovery can make a node do: which addresses it dials, how many
// at once and how fast. Discovery may be wrong, or somebody else's.

// maxAddress bounds an address that is dialled, in bytes.
const maxAddress = 2048

// entryRefusal is why an entry of a roster is not dialled.
type entryRefusal int

const (
	entryTaken   entryRefusal = iota
	entryScheme               // its scheme is another transport's
	entryAddress              // it is no address, too long, or has a part that means nothing here
	entryPath                 // its path is not among DialPaths
	entryNetwork              // its IP address is not in DialNetworks
	entryExcess               // the roster is too long
	entryRefusals
)

// entryReasons are their names, as statistics have them, and what is logged.
var entryReasons = [entryRefusals]struct{ name, message, setting string }{
	entryScheme:  {"scheme", "ignoring peers whose addresses are for another transport", "Transport (MESH_TRANSPORT)"},
	entryAddress: {"address", "ignoring peers whose addresses are malformed", settingAdvertise + " of that server"},
	entryPath:    {"path", "ignoring peers whose addresses have a path that is not allowed", "DialPaths (MESH_DIAL_PATHS)"},
	entryNetwork: {"network", "ignoring peers whose addresses are in a network that is not allowed", "DialNetworks (MESH_DIAL_NETWORKS)"},
	entryExcess:  {"excess", "roster is too large: ignoring the rest", "Discovery (MESH_DISCOVERY)"},
}

// entryRefusalCounts count entries of rosters that are not dialled.
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

// judge tells whether an address may be dialled. Only WebSockets have paths that somebody
// is asked for; what other transports call their addresses is theirs to judge.
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

// judgeHost tells whether a host may be dialled. Names are resolved by the transport, which
// judges what they stand for.
func (p dialPolicy) judgeHost(host string) entryRefusal {
	ip, err := netip.ParseAddr(host)
	if err != nil || p.networks == nil || advertise.Within(p.networks, ip) {
		return entryTaken
	}
	return entryNetwork
}

// allowsPath tells whether a path is in the list. A pattern that ends in * stands for all
// that begin with what is before it. No path and "/" are always allowed: no server of
// another kind does anything for them.
func (p dialPolicy) allowsPath(path string) bool {
	return path == "" || path == "/" || slices.ContainsFunc(p.paths, func(pattern string) bool {
		if beginning, ok := strings.CutSuffix(pattern, "*"); ok {
			return strings.HasPrefix(path, beginning)
		}
		return path == pattern
	})
}

// dialUrgency says which dials go first.
type dialUrgency int

const (
	dialAgain   dialUrgency = iota // there was a link to that address: it does not wait
	dialFirst                      // nothing is known of the address
	dialUnheard                    // the address has failed before
	dialUrgencies
)

// dialLimiter bounds the dials at once, and those that begin in a second. Addresses that
// have led to a peer are not bounded: however many others a roster has, these do not wait
// for them.
type dialLimiter struct {
	limit    int
	interval time.Duration // between two dials, in the mean
	burst    time.Duration // how far dials may be ahead of that

	mu      sync.Mutex
	active  int
	waiting [dialUrgencies][]*waitingDial
	due     time.Time // when the next dial would begin, if they came evenly
}

type waitingDial struct {
	begun chan struct{} // closed when it may
	ended bool          // it does not want to any more
}

func newDialLimiter(limit, rate int) *dialLimiter {
	return &dialLimiter{limit: limit, interval: time.Second / time.Duration(rate), burst: time.Second}
}

// begin waits until a dial may begin, and returns what has to be called at its end; nil if
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

// take waits until fewer than limit dials are under way.
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

// pace is how long a dial has to wait so that not too many begin in a second.
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

// next lets the dial that has waited for longest begin in the place of one that has ended,
// the most urgent ones first; l.mu is held.
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

// refusedEntries are those of one roster that are not dialled.
type refusedEntries [entryRefusals]struct {
	count   uint64
	example core.Peer
}

func (r *refusedEntries) add(why entryRefusal, p core.Peer) {
	r[why].example = cmp.Or(r[why].example, p)
	r[why].count++
}

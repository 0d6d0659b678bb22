package node

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/pendingset"
)

// The handshakes that may fail from one source: so many at once, and so many in a
// second. Servers with a wrong token redial less often than that.
const (
	failureBurst   = 64
	failureRate    = 4
	failureSources = 4096 // that are remembered
)

var errTooManyFailures = fmt.Errorf("%w: too many handshakes from this address have failed", core.ErrBusy)

// failureLimit refuses connections of sources from which many handshakes have failed,
// before they cost more than being accepted. It is safe for concurrent use.
type failureLimit struct {
	mu      sync.Mutex
	sources map[netip.Prefix]failures
}

// failures are those of a source: how many count at this moment. They are forgotten at
// failureRate.
type failures struct {
	count float64
	at    time.Time
}

func (f failures) now(now time.Time) float64 {
	return max(0, f.count-failureRate*now.Sub(f.at).Seconds())
}

// allows tells whether a connection of a source may begin a handshake.
func (l *failureLimit) allows(source netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sources[source].now(time.Now()) <= failureBurst-1
}

// judge is allows for transports: it returns why not.
func (l *failureLimit) judge(remote string) error {
	if l.allows(pendingset.Source(remote)) {
		return nil
	}
	return errTooManyFailures
}

// note counts a handshake that has failed. Only what no server of this mesh does
// counts, and sources that are no IP addresses are not told apart.
func (l *failureLimit) note(source netip.Prefix, why error) {
	if !source.IsValid() || !errors.Is(why, core.ErrUnauthorized) && !errors.Is(why, core.ErrMalformed) && !errors.Is(why, core.ErrImpostor) && !errors.Is(why, errHandshakeTimeout) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	count := l.sources[source].now(now) + 1
	if l.sources == nil {
		l.sources = map[netip.Prefix]failures{}
	}
	if len(l.sources) >= failureSources && count == 1 {
		l.forget(now)
	}
	l.sources[source] = failures{count, now}
}

// forget takes out, of a few sources, those without failures that count, or else the
// one with the fewest; l.mu is held.
func (l *failureLimit) forget(now time.Time) {
	var least netip.Prefix
	fewest, seen := math.Inf(1), 0
	for source, f := range l.sources {
		switch count := f.now(now); {
		case count == 0:
			delete(l.sources, source)
		case count < fewest:
			least, fewest = source, count
		}
		if seen++; seen == 16 {
			break
		}
	}
	if len(l.sources) >= failureSources {
		delete(l.sources, least)
	}
}

// sourceOf is where a connection comes from.
func sourceOf(conn core.Conn) netip.Prefix { return pendingset.Source(conn.RemoteAddr()) }

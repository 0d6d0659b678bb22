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

// A source may fail failureBurst handshakes at once, and failureRate per second. Servers
// with a wrong token redial less often than that.
const (
	failureBurst   = 64
	failureRate    = 4
	failureSources = 4096 // the number of sources that are remembered
)

var errTooManyFailures = fmt.Errorf("%w: too many handshakes from this address have failed", core.ErrBusy)

// failureLimit refuses connections from sources with many failed handshakes, before such
// a connection costs more than being accepted. It is safe for concurrent use.
type failureLimit struct {
	mu      sync.Mutex
	sources map[netip.Prefix]failures
}

// failures is the number of a source's failures that still count. It decreases by
// failureRate per second.
type failures struct {
	count float64
	at    time.Time
}

func (f failures) now(now time.Time) float64 {
	return max(0, f.count-failureRate*now.Sub(f.at).Seconds())
}

// allows reports whether a connection from a source may begin a handshake.
func (l *failureLimit) allows(source netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sources[source].now(time.Now()) <= failureBurst-1
}

// judge is allows for transports: it returns an error if not.
func (l *failureLimit) judge(remote string) error {
	if l.allows(pendingset.Source(remote)) {
		return nil
	}
	return errTooManyFailures
}

// note counts a failed handshake, if it failed in a way that no server of this mesh
// causes. Sources that are no IP addresses are not counted.
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

// forget looks at a few sources and removes those whose failures no longer count. If
// there is none, it removes the one with the fewest; l.mu is held.
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

// sourceOf returns the network from which a connection comes.
func sourceOf(conn core.Conn) netip.Prefix { return pendingset.Source(conn.RemoteAddr()) }

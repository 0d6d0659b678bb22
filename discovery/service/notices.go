package service

import (
	"sync"
	"time"
)

// How many notices are told apart, and how long they are remembered at least
// once there are that many.
const (
	maxNotices   = 256
	noticePeriod = time.Hour
)

// notices remembers what was logged, so that trouble that keeps coming is
// logged once, and a thousand strangers do not fill the log.
type notices struct {
	mu    sync.Mutex
	since time.Time
	given map[string]struct{}
}

// first tells whether the notice is to be given.
func (n *notices) first(key string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, again := n.given[key]; again {
		return false
	}
	full := len(n.given) >= maxNotices
	if full && time.Since(n.since) < noticePeriod {
		return false
	}
	if full || n.given == nil {
		n.since, n.given = time.Now(), make(map[string]struct{})
	}
	n.given[key] = struct{}{}
	return true
}

// forget makes the next notice of this key a first one.
func (n *notices) forget(key string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.given, key)
}

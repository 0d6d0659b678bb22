package core

import (
	"slices"
	"sync"
)

// lobby holds the connections that have not said who they are. It is bounded:
// whoever comes when it is full takes the place of the one that has been silent
// for longest, so that silent strangers do not keep peers out.
type lobby struct {
	places int

	mu      sync.Mutex
	waiting []*visitor // the longest first
}

// visitor is a connection in the lobby.
type visitor struct{ conn Conn }

// enter takes conn in. If another one has to leave for it, it returns that too.
func (l *lobby) enter(conn Conn) (v, evicted *visitor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) >= l.places {
		evicted = l.waiting[0]
		l.waiting = slices.Delete(l.waiting, 0, 1)
	}
	v = &visitor{conn}
	l.waiting = append(l.waiting, v)
	return v, evicted
}

// leave lets a visitor out; it reports false if it had to leave before.
func (l *lobby) leave(v *visitor) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.waiting, v)
	if i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
	return i >= 0
}

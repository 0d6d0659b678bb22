package mem

import (
	"fmt"
	"net"
	"sync"

	"github.com/socketmesh/mesh/core"
)

var _ core.Listener = (*listener)(nil)

// listener has a name in the network. The network's lock guards it.
type listener struct {
	owner *transport
	name  string

	changed *sync.Cond
	pending []*conn
	closed  bool
}

// Accept returns the next connection in the order of the dials.
func (l *listener) Accept() (core.Conn, error) {
	n := l.owner.network
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		switch {
		case l.closed:
			return nil, fmt.Errorf("mem: accept at %s: %w", l.name, net.ErrClosed)
		case len(l.pending) > 0 && !l.owner.host.hung:
			c := l.pending[0]
			l.pending = l.pending[1:]
			n.changed.Broadcast()
			return c, nil
		}
		l.changed.Wait()
	}
}

// Addr is the address to dial, as "mem://a".
func (l *listener) Addr() string { return scheme + l.name }

// Close frees the name and closes the connections that were not accepted.
func (l *listener) Close() error {
	n := l.owner.network
	n.mu.Lock()
	defer n.mu.Unlock()
	l.stop()
	return nil
}

// stop closes the listener; the network's lock is held.
func (l *listener) stop() {
	if l.closed {
		return
	}
	l.closed = true
	delete(l.owner.network.listeners, l.name)
	for _, c := range l.pending {
		c.close(core.CloseGoingAway)
	}
	l.pending = nil
	l.changed.Broadcast()
	l.owner.network.changed.Broadcast()
}

// connect makes a connection from a process to this listener, and returns the
// dialler's end; the network's lock is held.
func (l *listener) connect(from *transport) *conn {
	n := l.owner.network
	near := &conn{owner: from, remote: scheme + l.name, native: !l.owner.host.reference}
	far := &conn{owner: l.owner, remote: scheme + from.host.name}
	join(near, far, 1+n.streams)
	n.conns[near], n.conns[far] = struct{}{}, struct{}{}
	l.pending = append(l.pending, far)
	l.changed.Broadcast()
	return near
}

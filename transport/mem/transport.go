package mem

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

var _ core.Transport = (*transport)(nil)

// transport is the transport of one process on a host.
type transport struct {
	network *Network
	host    *host
	life    int // of the host, when the process started
}

// Name is "mem".
func (*transport) Name() string { return "mem" }

// Listen takes a name in the network. An empty name, or one that is a port only
// (":4000"), means the host's own name.
func (t *transport) Listen(ctx context.Context, addr string) (core.Listener, error) {
	n := t.network
	n.mu.Lock()
	defer n.mu.Unlock()
	name := nameOf(addr)
	if name == "" || strings.HasPrefix(name, ":") {
		name = t.host.name
	}
	if err := t.usable(ctx); err != nil {
		return nil, fmt.Errorf("mem: listen %s: %w", addr, err)
	}
	if n.listeners[name] != nil {
		return nil, fmt.Errorf("mem: listen %s: address in use", addr)
	}
	l := &listener{owner: t, name: name, changed: sync.NewCond(&n.mu)}
	n.listeners[name] = l
	return l, nil
}

// Dial connects to a name. It takes as long as the round trip that Delay has set.
func (t *transport) Dial(ctx context.Context, addr string) (core.Conn, error) {
	n := t.network
	n.mu.Lock()
	defer n.mu.Unlock()
	defer n.wakeAfter(ctx, n.changed)()
	began := time.Now()
	for {
		if err := t.usable(ctx); err != nil {
			return nil, fmt.Errorf("mem: dial %s: %w", addr, err)
		}
		l, wait, err := t.reach(nameOf(addr), began)
		if err != nil {
			return nil, fmt.Errorf("mem: dial %s: %w", addr, err)
		}
		if l != nil {
			return l.connect(t), nil
		}
		n.wait(n.changed, wait)
	}
}

// usable returns an error if the process was killed or ctx has ended; the network's lock
// is held.
func (t *transport) usable(ctx context.Context) error {
	if t.life != t.host.life {
		return ErrKilled
	}
	return ctx.Err()
}

// reach returns the listener with a name. While the dial hangs it returns nil, and the
// time to try again if that is known. The network's lock is held.
func (t *transport) reach(name string, began time.Time) (l *listener, wait time.Time, err error) {
	n := t.network
	l = n.listeners[name]
	to := n.hostNamed(name)
	if l != nil {
		to = l.owner.host
	}
	there, back := n.routeBetween(t.host.name, to.name), n.routeBetween(to.name, t.host.name)
	switch arrival := began.Add(there.delay + back.delay); {
	case t.host.hung, there.lost, there.held, back.lost, back.held:
		return nil, time.Time{}, nil
	case time.Now().Before(arrival):
		return nil, arrival, nil
	case l == nil, to.refusing:
		return nil, time.Time{}, ErrRefused
	case to.hung, len(l.pending) >= backlog:
		return nil, time.Time{}, nil
	}
	return l, time.Time{}, nil
}

// wakeAfter broadcasts when ctx ends, unless stop is called before.
func (n *Network) wakeAfter(ctx context.Context, changed *sync.Cond) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		changed.Broadcast()
	})
}

// wait waits for changed, or until a time if it is not zero. n.mu is held, and released
// while it waits.
func (n *Network) wait(changed *sync.Cond, until time.Time) {
	if !until.IsZero() {
		// With the lock, so that it cannot come before the Wait.
		timer := time.AfterFunc(time.Until(until), func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			changed.Broadcast()
		})
		defer timer.Stop()
	}
	changed.Wait()
}

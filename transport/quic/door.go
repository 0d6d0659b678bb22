package quic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	quicgo "github.com/quic-go/quic-go"
)

// How many handshakes may be under way at a listener: from the first number on
// diallers have to prove their address, above the second they are turned away.
const (
	manyHandshakes = 64
	maxHandshakes  = 256
)

var errCrowded = errors.New("too many handshakes under way")

// door counts the connections that are in their handshake, and tells of those
// that fail in it.
type door struct {
	refused func(remote string, err error)
	advice  string // see credentials

	inside atomic.Int64
	visits sync.WaitGroup // of inside
}

// visit is the time that a connection spends in the handshake.
type visit struct {
	leave func() bool // tells whether it has not failed
}

type visitKey struct{}

// enter begins a handshake. ctx ends with the connection, whenever that is.
func (d *door) enter(ctx context.Context, info *quicgo.ClientInfo) (context.Context, error) {
	remote := info.RemoteAddr.String()
	if d.inside.Add(1) > maxHandshakes {
		d.inside.Add(-1)
		d.refused(remote, errCrowded)
		return nil, errCrowded
	}
	d.visits.Add(1)
	leave := context.AfterFunc(ctx, func() {
		d.refused(remote, fmt.Errorf("handshake: %w", explain(context.Cause(ctx), d.advice)))
		d.left()
	})
	return context.WithValue(ctx, visitKey{}, &visit{leave}), nil
}

// pass ends a handshake that was completed.
func (d *door) pass(quic *quicgo.Conn) {
	if v, ok := quic.Context().Value(visitKey{}).(*visit); ok && v.leave() {
		d.left()
	}
}

func (d *door) left() {
	d.inside.Add(-1)
	d.visits.Done()
}

// crowded tells whether diallers have to prove their address.
func (d *door) crowded(net.Addr) bool { return d.inside.Load() >= manyHandshakes }

package quic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	quicgo "github.com/quic-go/quic-go"
)

// How many handshakes may be under way at a listener: above the first number
// diallers have to prove their address, above the second they are turned away.
const (
	manyHandshakes = 64
	maxHandshakes  = 256
)

var errCrowded = errors.New("too many handshakes under way")

// door counts the connections that are in their handshake, and tells of those
// that fail in it.
type door struct {
	transport *Transport
	advice    string
	inside    atomic.Int64
}

func newDoor(t *Transport, advice string) *door { return &door{transport: t, advice: advice} }

// visit is the time that a connection spends in the handshake.
type visit struct{ over atomic.Bool }

type visitKey struct{}

// enter begins a handshake. ctx ends with the connection, whenever that is.
func (d *door) enter(ctx context.Context, info *quicgo.ClientInfo) (context.Context, error) {
	remote := info.RemoteAddr.String()
	if d.inside.Add(1) > maxHandshakes {
		d.inside.Add(-1)
		d.complain(remote, errCrowded)
		return nil, errCrowded
	}
	v := &visit{}
	context.AfterFunc(ctx, func() {
		if v.over.CompareAndSwap(false, true) {
			d.inside.Add(-1)
			d.complain(remote, explain(context.Cause(ctx), d.advice))
		}
	})
	return context.WithValue(ctx, visitKey{}, v), nil
}

// pass ends a handshake that was completed.
func (d *door) pass(quic *quicgo.Conn) {
	v, _ := quic.Context().Value(visitKey{}).(*visit)
	if v != nil && v.over.CompareAndSwap(false, true) {
		d.inside.Add(-1)
	}
}

// crowded tells whether diallers have to prove their address.
func (d *door) crowded(net.Addr) bool { return d.inside.Load() >= manyHandshakes }

func (d *door) complain(remote string, err error) {
	d.transport.quiet.warn(d.transport.options.Logger, "refusing a connection", "remote", remote, "error", fmt.Errorf("handshake: %w", err))
}

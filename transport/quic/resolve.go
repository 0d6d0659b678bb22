package quic

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/socketmesh/mesh/core"
)

// resolve returns the addresses of a host.
func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return addresses, err
}

// headStart is the time from one attempt to the next.
const headStart = 250 * time.Millisecond

type connectFunc func(context.Context, netip.Addr) (*conn, error)

type outcome struct {
	conn *conn
	err  error
}

// race connects to all addresses, one after the other, until one succeeds. It does
// not wait until an attempt has failed: with UDP, an address without a listener may
// never answer (compare RFC 8305). If all fail it returns the first error.
func race(ctx context.Context, addresses []netip.Addr, connect connectFunc) (*conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	outcomes := make(chan outcome)
	next := time.NewTimer(0)
	defer next.Stop()
	var won outcome
	running := 0
	for won.conn == nil && running+len(addresses) > 0 {
		var start <-chan time.Time
		if len(addresses) > 0 {
			start = next.C
		}
		select {
		case <-start:
			ip := addresses[0]
			addresses = addresses[1:]
			running++
			go func() {
				c, err := connect(ctx, ip)
				outcomes <- outcome{c, err}
			}()
			next.Reset(headStart)
		case o := <-outcomes:
			running--
			if o.conn != nil || won.err == nil {
				won = o
			}
			next.Reset(0)
		}
	}
	cancel()
	for range running {
		if o := <-outcomes; o.conn != nil {
			o.conn.fail(errAbandoned, core.CloseDuplicate) // without a close frame, which would take time
			o.conn.Close(core.CloseDuplicate)
		}
	}
	return won.conn, won.err
}

package socketio

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/wsaccept"
)

const (
	drainTick = 20 * time.Millisecond
	// drainReserve is the part of the time up to a deadline that is left for the last
	// clients to disconnect: 1/drainReserve of it.
	drainReserve = 5
	// drainGrace is how long a client may take to learn that it is disconnected. A client
	// that polls learns it from its next poll, which never comes if the client is gone.
	drainGrace = 10 * time.Second
)

// Drain disconnects the clients, perSecond of them in a second, so that they reconnect to
// other servers. From here on new clients are refused with 503 and Retry-After, and so are
// clients that poll and want to upgrade; connected clients stay until it is their turn. If
// ctx's deadline is too early for that rate, they are disconnected faster.
//
// A client's connection is closed behind everything that was sent to it, whatever transport
// and protocol revision it uses. The client sees "transport close", after which it
// reconnects by itself; on this server its sockets leave with "forced close".
//
// Drain returns when no client is left, or when ctx ends, with an error that says how many
// are left. It may be called again, and from several goroutines.
func (c *Constructor) Drain(ctx context.Context, perSecond int) error {
	if perSecond <= 0 {
		return &core.ConfigError{Field: "Drain", Value: perSecond, Allowed: "clients per second, at least 1"}
	}
	engines := c.refuseNew()
	began, clients := time.Now(), (&drain{engines: engines}).left()
	c.logger.Info("draining: new clients are refused, those that are here are sent to other servers", "clients", clients, "per_second", perSecond)
	err := runDrain(ctx, engines, perSecond)
	if err == nil {
		c.logger.Info("drained", "took", time.Since(began))
	}
	return err
}

// runDrain disconnects the clients of engines.
func runDrain(ctx context.Context, engines []engine.BaseServer, perSecond int) error {
	d := drain{engines: engines, perSecond: float64(perSecond), told: map[engine.Socket]time.Time{}, last: time.Now()}
	if deadline, ok := ctx.Deadline(); ok {
		d.end = deadline.Add(-time.Until(deadline) / drainReserve)
	}
	ticker := time.NewTicker(drainTick)
	defer ticker.Stop()
	for {
		left := d.left()
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("draining: %d clients are left: %w", left, context.Cause(ctx))
		case now := <-ticker.C:
			d.step(now)
		}
	}
}

// refuseNew accepts no more clients on existing and future servers, and returns the engines
// of the existing ones.
func (c *Constructor) refuseNew() []engine.BaseServer {
	c.mu.Lock()
	first := !c.draining
	c.draining = true
	paths := maps.Clone(c.fast)
	servers := slices.Collect(maps.Keys(c.namespaces))
	c.mu.Unlock()
	var engines []engine.BaseServer
	for _, server := range servers {
		p := paths[server]
		if p != nil {
			p.Drain()
		}
		if server.Engine() == nil {
			continue // no client has come yet
		}
		if p == nil && first { // its clients are left to the library
			server.Engine().Use(refuseHandshakes)
		}
		engines = append(engines, server.Engine())
	}
	return engines
}

// refuseHandshakes is a middleware for an engine without the mesh's acceptor. It refuses
// requests of new clients, which have no session id.
func refuseHandshakes(ctx *types.HttpContext, next func(error)) {
	if ctx.Query().Peek("sid") == "" {
		wsaccept.Unavailable(ctx)
		return
	}
	next(nil)
}

// drain is a drain in progress.
type drain struct {
	engines   []engine.BaseServer
	perSecond float64
	end       time.Time // the last client is disconnected by then; zero if there is no deadline

	waiting []engine.Socket             // connected clients that are not disconnected yet
	told    map[engine.Socket]time.Time // when each client was disconnected
	last    time.Time                   // time of the last step
	due     float64                     // how many clients may be disconnected now
}

// left counts the clients that are still connected.
func (d *drain) left() (n int) {
	for _, e := range d.engines {
		n += e.Clients().Len()
	}
	return n
}

// step disconnects as many clients as are due.
func (d *drain) step(now time.Time) {
	if len(d.waiting) == 0 {
		d.look(now)
	}
	if len(d.waiting) == 0 {
		d.last, d.due = now, 0
		return
	}
	rate := d.perSecond
	if !d.end.IsZero() {
		rate = max(rate, float64(len(d.waiting))/max(d.end.Sub(now), drainTick).Seconds())
	}
	d.due += rate * now.Sub(d.last).Seconds()
	d.last = now
	for d.due >= 1 && len(d.waiting) > 0 {
		conn := d.waiting[0]
		d.waiting = d.waiting[1:]
		if conn.ReadyState() != "open" || conn.Upgrading() {
			continue // the client has left, or look finds it again after its upgrade
		}
		d.due--
		d.told[conn] = now
		conn.Close(false)
	}
}

// look lists the clients that are not disconnected yet, and discards those that have not
// reacted to it within drainGrace.
func (d *drain) look(now time.Time) {
	for _, e := range d.engines {
		e.Clients().Range(func(_ string, conn engine.Socket) bool {
			told, closing := d.told[conn]
			switch {
			case closing && now.Sub(told) > drainGrace:
				conn.Close(true)
			case !closing && conn.ReadyState() != "opening" && !conn.Upgrading():
				d.waiting = append(d.waiting, conn)
			}
			return true
		})
	}
}

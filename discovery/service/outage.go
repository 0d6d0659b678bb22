package service

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/socketmesh/mesh/core"
)

// The times between warnings of one outage: first longer than a service takes to restart,
// then long enough for a log to stay readable over a night.
const (
	outageSecond = time.Minute
	outageRepeat = 5 * time.Minute
)

// outageLog logs why the service cannot be reached: each message when it is new, again
// while the outage lasts, and the success that ends it.
type outageLog struct {
	log        *slog.Logger
	began      time.Time            // of the outage; zero if there is none
	next       map[string]time.Time // when a message is to be logged again
	registered bool
}

// failed logs an attempt or a connection that has failed: as a warning or an error if
// that is due, otherwise as a debug line.
func (o *outageLog) failed(err error, delay time.Duration) {
	msg, level, setting := "discovery is out of reach; retrying with backoff", slog.LevelWarn, "DiscoveryAddress (MESH_DISCOVERY_ADDRESS)"
	switch {
	case errors.Is(err, core.ErrRelayed): // before ErrUnauthorized, which it wraps
		msg, level, setting = "discovery refuses what comes through a proxy; retrying with backoff", slog.LevelError, "AllowTLSProxies (MESH_ALLOW_TLS_PROXIES), if the proxy is yours"
	case errors.Is(err, core.ErrUnauthorized):
		msg, level, setting = "discovery refuses the token; retrying with backoff", slog.LevelError, "AuthToken (MESH_AUTH_TOKEN or MESH_AUTH_TOKEN_FILE)"
	}
	now := time.Now()
	if o.began.IsZero() {
		o.began, o.next = now, make(map[string]time.Time)
	}
	o.registered = false
	switch due, known := o.next[msg]; {
	case !known:
		o.next[msg] = now.Add(outageSecond)
	case now.Before(due):
		level = slog.LevelDebug
	default:
		o.next[msg] = now.Add(outageRepeat)
	}
	o.log.Log(context.Background(), level, msg,
		"error", err, "setting", setting, "for", now.Sub(o.began).Round(time.Second), "delay", delay)
}

// recovered logs the first update after a failure.
func (o *outageLog) recovered(servers int) {
	if !o.registered {
		o.log.Info("registered with discovery", "servers", servers)
	}
	o.registered, o.began = true, time.Time{}
}

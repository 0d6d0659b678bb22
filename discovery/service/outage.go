package service

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/socketmesh/mesh/core"
)

// outageLog logs why the service cannot be reached: each message once until the next
// success, which it logs as well.
type outageLog struct {
	log        *slog.Logger
	reported   map[string]bool // the messages since the last success
	registered bool
}

// failed logs an attempt or a connection that has failed.
func (o *outageLog) failed(err error, delay time.Duration) {
	o.registered = false
	msg, level := "discovery is out of reach; retrying with backoff", slog.LevelWarn
	if errors.Is(err, core.ErrUnauthorized) {
		msg, level = "discovery refuses the token; retrying with backoff", slog.LevelError
	}
	if o.reported[msg] {
		level = slog.LevelDebug
	}
	if o.reported == nil {
		o.reported = make(map[string]bool)
	}
	o.reported[msg] = true
	o.log.Log(context.Background(), level, msg, "error", err, "delay", delay)
}

// recovered logs the first update after a failure.
func (o *outageLog) recovered(servers int) {
	if !o.registered {
		o.log.Info("registered with discovery", "servers", servers)
	}
	o.registered = true
	clear(o.reported)
}

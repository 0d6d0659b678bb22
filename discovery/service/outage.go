package service

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/socketmesh/mesh/core"
)

// outage logs why there is no service: each kind of trouble once, however long
// it lasts, and its end.
type outage struct {
	log      *slog.Logger
	reported map[string]bool
	up       bool
}

// failed reports an attempt, or a connection, that came to nothing.
func (o *outage) failed(err error, delay time.Duration) {
	o.up = false
	trouble, level := "discovery is out of reach, trying again", slog.LevelWarn
	if errors.Is(err, core.ErrUnauthorized) {
		trouble, level = "discovery refuses the token, trying again", slog.LevelError
	}
	if o.reported[trouble] {
		level = slog.LevelDebug
	}
	if o.reported == nil {
		o.reported = make(map[string]bool)
	}
	o.reported[trouble] = true
	o.log.Log(context.Background(), level, trouble, "err", err, "after", delay)
}

// over reports an update: whatever was wrong is not any more.
func (o *outage) over(servers int) {
	if !o.up {
		o.log.Info("registered with discovery", "servers", servers)
	}
	o.up = true
	clear(o.reported)
}

package socketio

import (
	"log/slog"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/outbox"
)

// Option changes how [New] works.
type Option func(*Constructor)

// WithLogger sets where problems are reported. Default: nowhere.
func WithLogger(logger *slog.Logger) Option {
	return func(c *Constructor) {
		if logger != nil {
			c.logger = logger
		}
	}
}

// Delivery says how events get to the clients of this server. The zero value means
// the defaults.
type Delivery struct {
	// Library leaves WebSocket clients to the Socket.IO library: it writes each
	// event to each of them separately, and keeps what they do not take, without
	// bounds.
	Library bool

	// QueueBytes is how much may wait for one client. One that more waits for is
	// disconnected, with the reason "transport error". Default: 16 MiB.
	QueueBytes int

	// Timeout is after how long a client that takes nothing is disconnected, and
	// how long one that is being disconnected gets to take what waits for it.
	// Default: 30 s.
	Timeout time.Duration
}

// The defaults of [Delivery].
const (
	DefaultQueueBytes = outbox.DefaultBytes
	DefaultTimeout    = outbox.DefaultTimeout
)

// Validate reports the first bad value, as a [*core.ConfigError].
func (d Delivery) Validate() error {
	switch {
	case d.QueueBytes < 0:
		return &core.ConfigError{Field: "Delivery.QueueBytes", Value: d.QueueBytes, Allowed: "a positive number of bytes, or 0 for the default"}
	case d.Timeout < 0:
		return &core.ConfigError{Field: "Delivery.Timeout", Value: d.Timeout, Allowed: "a positive duration, or 0 for the default"}
	}
	return nil
}

// WithDelivery sets how events get to clients. Values that [Delivery.Validate]
// refuses mean the defaults.
func WithDelivery(d Delivery) Option {
	return func(c *Constructor) { c.delivery = d }
}

// DeliveryStats is a snapshot of what the delivery to WebSocket clients does and
// has done. Clients that poll, and those left to the library, are not in it.
type DeliveryStats struct {
	Clients int   // connected now
	Slow    int64 // disconnected because too much waited for them
	Dropped int64 // volatile events not sent to clients that were behind
	Blocked int64 // times that a client did not take everything at once
	Writes  int64 // system calls
	Frames  int64 // written: events, and what else there is
	Bytes   int64 // written
}

// Delivery returns a snapshot.
func (c *Constructor) Delivery() DeliveryStats {
	s := c.office.Stats()
	return DeliveryStats{
		Clients: s.Connections,
		Slow:    s.Cut,
		Dropped: s.Dropped,
		Blocked: s.Blocked,
		Writes:  s.Writes,
		Frames:  s.Frames,
		Bytes:   s.Bytes,
	}
}

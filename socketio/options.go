package socketio

import (
	"cmp"
	"log/slog"
	"reflect"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backlog"
	"github.com/socketmesh/mesh/internal/isnil"
	"github.com/socketmesh/mesh/internal/loglimit"
	"github.com/socketmesh/mesh/socketio/internal/admission"
	"github.com/socketmesh/mesh/socketio/internal/inflow"
	"github.com/socketmesh/mesh/socketio/internal/sendqueue"
)

// Option changes how [New] works.
type Option func(*Constructor)

// WithLogger sets the logger for problems. Default: nothing is logged.
func WithLogger(logger *slog.Logger) Option {
	return notNil("WithLogger", logger, func(c *Constructor) { c.logger = logger })
}

// notNil returns an option, or one that refuses a nil value.
func notNil[T any](option string, value T, use Option) Option {
	if isnil.Value(value) {
		return func(*Constructor) { panic(nilValue[T](option)) }
	}
	return use
}

func nilValue[T any](option string) error {
	return &core.ConfigError{Field: "socketio." + option, Value: nil, Allowed: "a " + reflect.TypeFor[T]().String()}
}

// ClientOptions says how events get to the clients of this server. The zero value means
// the defaults.
type ClientOptions struct {
	// Library leaves WebSocket clients to the Socket.IO library: it writes each event to
	// each of them separately, and queues what they do not take, without bounds.
	Library bool

	// QueueBytes is how many bytes may wait for one client for any length of time. Above
	// it, the client has to take MinRate; if it takes less for SlowTime, it is disconnected
	// with the reason "transport error", as are all clients that are too slow. What counts
	// are the bytes of events as they are sent, and 48 bytes for each event. Default: 16
	// MiB.
	QueueBytes int

	// MaxQueueBytes is the hard limit of the bytes that wait for one client. A single event
	// that is longer than QueueBytes does not count, so that it can be sent. Default: four
	// times QueueBytes, 64 MiB.
	MaxQueueBytes int

	// MinRate is how many bytes per second a client has to take while more than QueueBytes
	// wait for it. Default: a sixty-fourth of QueueBytes, 256 KiB, which empties that queue
	// in about a minute.
	MinRate int

	// SlowTime is the time over which MinRate is measured. Default: 10 s.
	SlowTime time.Duration

	// TotalBytes limits the memory of what waits for all clients. Above it, the clients
	// with the longest queues are disconnected. An event that waits for many clients takes
	// memory once, and counts once; only for clients that poll it is copied, and each copy
	// counts. Clients that take at once what they are sent do not count, although up to 128
	// KiB may wait for each of them while the processors are busy. Default: a quarter of
	// the memory that the process may have, which is the least of GOMEMLIMIT, its control
	// group and the machine; 1 GiB if that is not known.
	TotalBytes int64

	// AheadPackets and AheadBytes limit what a client has sent, in all its namespaces
	// together, and handlers have not handled. Above either, the server reads no more from
	// the client until half of it is handled; a polling client's request is not answered
	// until then. One more read of the network, 16 KiB, or one request, may come on top.
	// Default: 1,000 packets and 1 MiB.
	AheadPackets int
	AheadBytes   int

	// MaxConnecting is how many clients may be connecting at once, waiting ones included.
	// Clients are admitted at once unless that would delay the process's heartbeats. Then
	// only so many are admitted at a time that heartbeats are on time, and the others wait
	// for up to 20 s, after which Socket.IO's clients give up: in the order in which they
	// came, but the newest first while some have waited for 5 s. Clients above
	// MaxConnecting are answered with 503 and Retry-After, and come again by themselves.
	// Default: 8,192; below 0: all are admitted at once.
	MaxConnecting int

	// Timeout is the time after which a client that takes nothing is disconnected, however
	// little waits for it, and the time that a client gets to take what waits for it when
	// it is being disconnected. Default: 30 s.
	Timeout time.Duration
}

// The defaults of [ClientOptions]; that of TotalBytes depends on the process.
const (
	DefaultQueueBytes    = sendqueue.DefaultBytes
	DefaultMaxQueueBytes = 4 * DefaultQueueBytes
	DefaultMinRate       = DefaultQueueBytes / 64
	DefaultSlowTime      = backlog.DefaultGrace
	DefaultAheadPackets  = inflow.DefaultPackets
	DefaultAheadBytes    = inflow.DefaultBytes
	DefaultMaxConnecting = admission.DefaultMax
	DefaultTimeout       = sendqueue.DefaultTimeout
)

// Validate reports the first bad value, as a [*core.ConfigError].
func (o ClientOptions) Validate() error {
	for _, n := range []struct {
		field string
		value int64
	}{
		{"QueueBytes", int64(o.QueueBytes)},
		{"MaxQueueBytes", int64(o.MaxQueueBytes)},
		{"MinRate", int64(o.MinRate)},
		{"TotalBytes", o.TotalBytes},
		{"AheadBytes", int64(o.AheadBytes)},
	} {
		if n.value < 0 {
			return &core.ConfigError{Field: "ClientOptions." + n.field, Value: n.value, Allowed: "a positive number of bytes, or 0 for the default"}
		}
	}
	if o.AheadPackets < 0 {
		return &core.ConfigError{Field: "ClientOptions.AheadPackets", Value: o.AheadPackets, Allowed: "a positive number, or 0 for the default"}
	}
	for _, n := range []struct {
		field string
		value time.Duration
	}{
		{"SlowTime", o.SlowTime},
		{"Timeout", o.Timeout},
	} {
		if n.value < 0 {
			return &core.ConfigError{Field: "ClientOptions." + n.field, Value: n.value, Allowed: "a positive duration, or 0 for the default"}
		}
	}
	if soft := cmp.Or(o.QueueBytes, DefaultQueueBytes); o.MaxQueueBytes > 0 && o.MaxQueueBytes < soft {
		return &core.ConfigError{Field: "ClientOptions.MaxQueueBytes", Value: o.MaxQueueBytes, Allowed: "at least ClientOptions.QueueBytes", Bound: core.Bound{Field: "ClientOptions.QueueBytes", Value: soft}}
	}
	return nil
}

// scheduler returns the limits of the clients' queues.
func (o ClientOptions) scheduler() sendqueue.Config {
	if o.Validate() != nil {
		o = ClientOptions{}
	}
	return sendqueue.Config{
		Limits:  backlog.Limits{Soft: o.QueueBytes, Hard: o.MaxQueueBytes, Rate: o.MinRate, Grace: o.SlowTime},
		Total:   o.TotalBytes,
		Timeout: o.Timeout,
	}
}

// inflow returns the limits of AheadPackets and AheadBytes.
func (o ClientOptions) inflow() inflow.Limits {
	if o.Validate() != nil {
		o = ClientOptions{}
	}
	return inflow.Limits{Packets: o.AheadPackets, Bytes: o.AheadBytes}
}

// gate returns the gate in which clients wait for admission; nil if all are admitted at
// once.
func (o ClientOptions) gate(logger *slog.Logger) *admission.Gate {
	if o.Validate() != nil {
		o = ClientOptions{}
	}
	if o.MaxConnecting < 0 {
		return nil
	}
	warning := &loglimit.Limiter{}
	return admission.New(admission.Config{Max: o.MaxConnecting, Refused: func(reason error, s admission.Stats) {
		warning.Log(logger, slog.LevelWarn, "", "clients are refused for now: more connect than this server can let in beside those it has",
			"reason", reason.Error(), "waiting", s.Waiting, "connecting", s.Working, "late", s.Late.Round(time.Millisecond), "setting", "ClientOptions.MaxConnecting")
	}})
}

// WithClientOptions sets how events get to clients. Values that [ClientOptions.Validate]
// refuses mean the defaults.
func WithClientOptions(o ClientOptions) Option {
	return func(c *Constructor) { c.clients = o }
}

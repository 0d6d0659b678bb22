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

// WithLogger sets where problems are reported. Default: nowhere.
func WithLogger(logger *slog.Logger) Option {
	return notNil("WithLogger", logger, func(c *Constructor) { c.logger = logger })
}

// notNil is an option with a value, which must not be nil.
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
	// Library leaves WebSocket clients to the Socket.IO library: it writes each
	// event to each of them separately, and keeps what they do not take, without
	// bounds.
	Library bool

	// QueueBytes is how many bytes may wait for one client for as long as it takes.
	// A client for which more waits has to take MinRate; one that takes less for
	// SlowTime is disconnected, as are all others that are too slow, with the reason
	// "transport error". What counts are the bytes of events as they are sent, and 48
	// bytes for each. Default: 16 MiB.
	QueueBytes int

	// MaxQueueBytes is how many bytes may wait for one client at all. A single event
	// that is longer than QueueBytes does not count, so that it can be sent.
	// Default: four times QueueBytes, 64 MiB.
	MaxQueueBytes int

	// MinRate is how many bytes per second a client has to take while more than
	// QueueBytes wait for it. Default: a sixty-fourth of QueueBytes, 256 KiB, with
	// which that much is taken in about a minute.
	MinRate int

	// SlowTime is the time over which MinRate is measured. Default: 10 s.
	SlowTime time.Duration

	// TotalBytes is how much memory what waits for all clients may take. If it takes
	// more, those with the longest queues are disconnected. An event that waits for
	// many clients takes memory once, and counts once. Of clients that take what they
	// are sent at once, nothing counts: up to 128 KiB may wait for each of them while
	// the processors are busy. For each client that polls, an event is copied, and the
	// copies count. Default: a quarter of the memory that the process may
	// have: of GOMEMLIMIT, of its control group or of the machine, whichever is least;
	// 1 GiB if nobody knows.
	TotalBytes int64

	// AheadPackets and AheadBytes say how far a client may be ahead of its handlers, in
	// all namespaces together: of one that has sent so much that is not handled, no
	// more is read until half of it is; a request with packets is not answered until
	// then. What one read of the network brings, 16 KiB, or one request, comes on top.
	// Default: 1,000 packets and 1 MiB.
	AheadPackets int
	AheadBytes   int

	// MaxConnecting is how many clients may be connecting at once. While the process has
	// the time for it, all of them are let in at once. When its heartbeats would be late
	// because of that, as many as do not make them late are let in at a time; the others
	// wait for their turn for 20 s at most, after which Socket.IO's clients give up: in the
	// order in which they came, and the newest first while some have waited for 5 s. Those beyond MaxConnecting are answered with 503 and
	// Retry-After, and come again by themselves. Default: 8,192; below 0: all are let in
	// as they come.
	MaxConnecting int

	// Timeout is after how long a client that takes nothing is disconnected, however
	// little waits for it, and how long one that is being disconnected gets to take
	// what waits for it. Default: 30 s.
	Timeout time.Duration
}

// The defaults of [ClientOptions], but for TotalBytes.
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

// scheduler is what the queues of clients are set up with.
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

// inflow is what clients are held back with.
func (o ClientOptions) inflow() inflow.Limits {
	if o.Validate() != nil {
		o = ClientOptions{}
	}
	return inflow.Limits{Packets: o.AheadPackets, Bytes: o.AheadBytes}
}

// gate is where clients wait that want to be let in; nil if none has to.
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

package quic

import (
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/acceptqueue"
)

// Stats counts, since New, packets and connections from outside that were refused or
// failed.
type Stats struct {
	// Refusals is the number of connections that listeners have refused, or that have
	// failed before Accept.
	Refusals uint64
	// Strays is the number of packets that belong to no connection: of strangers, or
	// late. Packets that are not QUIC are dropped without being counted.
	Strays uint64
}

// counters hold the numbers of Stats.
type counters struct {
	refusals atomic.Uint64
	strays   atomic.Uint64
}

// Stats returns the counts. It may be called at any time.
func (t *Transport) Stats() Stats {
	return Stats{Refusals: t.counters.refusals.Load(), Strays: t.counters.strays.Load()}
}

// kindOf returns the key of the log limiter for an error: one of few.
func kindOf(err error) string {
	for _, kind := range []error{core.ErrUnauthorized, core.ErrNoCommonVersion, core.ErrMalformed, errTooManyHandshakes, acceptqueue.ErrFull} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return "other"
}

// strays receives the library's events about the packets that it drops.
type strays struct{ transport *Transport }

var _ qlogwriter.Recorder = strays{}

// RecordEvent counts a packet, and logs it at the debug level.
func (s strays) RecordEvent(event qlogwriter.Event) {
	if dropped, ok := event.(qlog.PacketDropped); ok {
		t := s.transport
		t.counters.strays.Add(1)
		t.logLimit.Log(t.options.Logger, slog.LevelDebug, "stray", "dropping a packet that belongs to no connection",
			"bytes", dropped.Raw.Length, "reason", string(dropped.Trigger))
	}
}

// Close does nothing.
func (strays) Close() error { return nil }

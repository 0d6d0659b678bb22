package quic

import (
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"

	"github.com/socketmesh/mesh/core"
)

// Stats tells what strangers have been up to, since New.
type Stats struct {
	// Refusals is the number of connections that listeners have turned away, or
	// that have failed, before they could be accepted.
	Refusals uint64
	// Strays is the number of packets that belong to no connection: noise at the
	// port, and what is late. Packets that are not even like those of QUIC are
	// ignored without being counted.
	Strays uint64
}

// counters are what Stats is made of.
type counters struct {
	refusals atomic.Uint64
	strays   atomic.Uint64
}

// Stats returns the counts. It may be called at any time.
func (t *Transport) Stats() Stats {
	return Stats{Refusals: t.counters.refusals.Load(), Strays: t.counters.strays.Load()}
}

// kindOf is one of few names for errors.
func kindOf(err error) string {
	for _, kind := range []error{core.ErrUnauthorized, core.ErrNoCommonVersion, core.ErrMalformed, errCrowded, errBacklog} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return "other"
}

// strays hears of the packets that a socket drops.
type strays struct{ transport *Transport }

var _ qlogwriter.Recorder = strays{}

// RecordEvent counts, and logs for who wants to know all.
func (s strays) RecordEvent(event qlogwriter.Event) {
	if dropped, ok := event.(qlog.PacketDropped); ok {
		t := s.transport
		t.counters.strays.Add(1)
		t.quiet.log(t.options.Logger, slog.LevelDebug, "stray", "dropping a packet that belongs to no connection",
			"bytes", dropped.Raw.Length, "reason", string(dropped.Trigger))
	}
}

// Close has nothing to do.
func (strays) Close() error { return nil }

// Package audit is an adapter that keeps a record of what is sent to clients.
package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"

	"github.com/socketmesh/mesh/core"
)

// adapter does what the one inside does, and what it overrides.
type adapter struct {
	core.Adapter
	log *slog.Logger
}

// To records what this server sends, to whichever server's clients: the others
// record theirs. Hand it to mesh.WrapAdapter. Emitting waits for the log.
func To(log *slog.Logger) func(core.Adapter) core.Adapter {
	return func(a core.Adapter) core.Adapter {
		return adapter{a, log.With("namespace", a.Namespace())}
	}
}

// Broadcast is what Emit and its kind come to.
func (a adapter) Broadcast(event core.Payload, to core.Target) {
	a.record(event, to)
	a.Adapter.Broadcast(event, to)
}

// BroadcastWithAck is the same where clients are asked for an acknowledgement.
func (a adapter) BroadcastWithAck(ctx context.Context, event core.Payload, to core.Target, ack func(core.Payload)) *core.Call[int] {
	a.record(event, to)
	return a.Adapter.BroadcastWithAck(ctx, event, to, ack)
}

func (a adapter) record(event core.Payload, to core.Target) {
	a.log.Info("event", "name", nameOf(event), "rooms", to.Rooms, "except", to.Except, "bytes", event.Size())
}

// nameOf reads the beginning of [name, args…] only.
func nameOf(event core.Payload) string {
	d := json.NewDecoder(bytes.NewReader(event.Text))
	d.Token() // the bracket
	name, _ := d.Token()
	s, _ := name.(string)
	return s
}

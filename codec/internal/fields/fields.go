// Package fields knows which fields a message of each kind needs, for the codecs
// that carry all of them.
package fields

import (
	"errors"
	"fmt"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsontext"
)

var (
	ErrNoNamespace = errors.New("no namespace")
	ErrNoRequestID = errors.New("no request id")
	ErrNegative    = errors.New("negative count")
	ErrSocketID    = errors.New("socket without an id")
)

// Check tells whether m has the fields that its kind needs, so that it will be
// understood. It trusts texts, beyond what tells an event.
func Check(m *core.Message) error {
	if m.Namespace == "" {
		return ErrNoNamespace
	}
	switch m.Kind {
	case core.KindBroadcast, core.KindServerSideEmit:
		if err := jsontext.CheckEvent(m.Payload.Text); err != nil {
			return err
		}
	case core.KindFetchSockets, core.KindFetchSocketsResponse, core.KindServerSideEmitResponse,
		core.KindBroadcastClientCount, core.KindBroadcastAck:
		if m.RequestID == "" {
			return ErrNoRequestID
		}
	}
	if m.Count < 0 {
		return ErrNegative
	}
	for i := range m.Sockets {
		if m.Sockets[i].ID == "" {
			return fmt.Errorf("socket %d: %w", i, ErrSocketID)
		}
	}
	return nil
}

// RoomsDue tells whether m is nothing without Rooms, be they empty.
func RoomsDue(m *core.Message) bool {
	return m.Kind == core.KindSocketsJoin || m.Kind == core.KindSocketsLeave
}

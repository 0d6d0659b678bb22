package json

import (
	"errors"
	"fmt"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsontext"
)

var (
	errNoRequestID = errors.New("no request id")
	errCount       = errors.New("negative count")
	errSocketID    = errors.New("socket without an id")
)

// check tells whether m has the fields that its kind needs.
func check(m *core.Message) error {
	switch m.Kind {
	case core.KindBroadcast, core.KindServerSideEmit:
		if err := jsontext.CheckEvent(m.Payload.Text); err != nil {
			return err
		}
	case core.KindFetchSockets, core.KindFetchSocketsResponse, core.KindServerSideEmitResponse,
		core.KindBroadcastClientCount, core.KindBroadcastAck:
		if m.RequestID == "" {
			return errNoRequestID
		}
	}
	if m.Count < 0 {
		return errCount
	}
	for i := range m.Sockets {
		if m.Sockets[i].ID == "" {
			return fmt.Errorf("socket %d: %w", i, errSocketID)
		}
	}
	return nil
}

// needsRooms tells whether m is nothing without Rooms, be they empty.
func needsRooms(m *core.Message) bool {
	return m.Kind == core.KindSocketsJoin || m.Kind == core.KindSocketsLeave
}

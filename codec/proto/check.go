package proto

import (
	"errors"
	"fmt"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsontext"
)

var (
	errNoNamespace = errors.New("no namespace")
	errNoRequestID = errors.New("no request id")
	errNegative    = errors.New("negative count")
	errSocketID    = errors.New("socket without an id")
)

// check tells whether m has the fields that its kind needs, so that it will be
// understood. It trusts texts, beyond what tells an event.
func check(m *core.Message) error {
	if m.Namespace == "" {
		return errNoNamespace
	}
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
		return errNegative
	}
	for i := range m.Sockets {
		if m.Sockets[i].ID == "" {
			return fmt.Errorf("socket %d: %w", i, errSocketID)
		}
	}
	return nil
}

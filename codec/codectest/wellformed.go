package codectest

import (
	"errors"
	"fmt"

	"github.com/socketmesh/mesh/core"
)

// WellFormed returns an error unless m is as [core.Codec.Decode] has to return it: with a
// known kind, the fields that the kind needs, and payloads that are JSON with their
// placeholders in range.
func WellFormed(m *core.Message) error {
	if !m.Kind.Valid() {
		return fmt.Errorf("kind %d is not known", m.Kind)
	}
	if m.Namespace == "" {
		return errors.New("no namespace")
	}
	if m.To.Flags.Local {
		return errors.New("the local flag was on the wire")
	}
	if m.To.Flags.Timeout < 0 {
		return errors.New("negative timeout")
	}
	if m.To.Flags.Compress > core.CompressOff {
		return fmt.Errorf("compress is %d, which is none of its values", m.To.Flags.Compress)
	}
	if m.Count < 0 {
		return errors.New("negative count")
	}
	v, err := treeOf(m.Payload)
	if err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	switch m.Kind {
	case core.KindBroadcast, core.KindServerSideEmit:
		if event, ok := v.([]any); !ok || len(event) == 0 || !isString(event[0]) {
			return errors.New("payload is not an event")
		}
	case core.KindSocketsJoin, core.KindSocketsLeave:
		if m.Rooms == nil {
			return errors.New("rooms is nil, which means every room")
		}
	case core.KindFetchSockets, core.KindFetchSocketsResponse, core.KindServerSideEmitResponse,
		core.KindBroadcastClientCount, core.KindBroadcastAck:
		if m.RequestID == "" {
			return errors.New("no request id")
		}
	}
	return wellFormedSockets(m.Sockets)
}

func wellFormedSockets(sockets []core.Socket) error {
	for i, s := range sockets {
		if s.ID == "" {
			return fmt.Errorf("socket %d: no id", i)
		}
		if _, err := treeOf(s.Handshake); err != nil {
			return fmt.Errorf("socket %d: handshake: %w", i, err)
		}
		if _, err := treeOf(s.Data); err != nil {
			return fmt.Errorf("socket %d: data: %w", i, err)
		}
	}
	return nil
}

func isString(v any) bool {
	_, ok := v.(string)
	return ok
}

package proto

import (
	"fmt"
	"math"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/listbounds"
)

func decode(src []byte, m *core.Message) error {
	*m = core.Message{}
	kind, err := readMessage(src, m)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", core.ErrMalformed, err)
	case kind == 0:
		return fmt.Errorf("%w: no kind", core.ErrMalformed)
	case kind < 0 || kind > math.MaxUint8:
		return fmt.Errorf("kind %d: %w", kind, core.ErrUnsupported)
	}
	m.Kind = core.Kind(kind)
	if m.Rooms == nil {
		m.Rooms = noRooms(m.Kind)
	}
	return m.Validate()
}

// noRooms returns the value of a missing list of rooms for this kind: empty, or nil for
// "not set".
func noRooms(kind core.Kind) []string {
	if kind == core.KindSocketsJoin || kind == core.KindSocketsLeave {
		return []string{}
	}
	return nil
}

// readMessage reads all of m except the kind, which it returns because it may be unknown.
func readMessage(src []byte, m *core.Message) (kind int32, err error) {
	var used listbounds.Used
	r := newReader(src, messagePayload)
	for {
		f, ok, err := r.next()
		if !ok || err != nil {
			return kind, err
		}
		if f.tag == messageKind {
			kind = int32(f.number) // protobuf truncates enums to 32 bits
			continue
		}
		if err := readField(&r, f, m, &used); err != nil {
			return kind, err
		}
	}
}

func readField(r *reader, f field, m *core.Message, used *listbounds.Used) (err error) {
	switch f.tag {
	case messageFrom:
		m.From, err = r.text(f)
	case messageNamespace:
		m.Namespace, err = r.text(f)
	case messageRequestID:
		m.RequestID, err = r.text(f)
	case messageTo:
		err = readTarget(r.within(f), &m.To, used)
	case messageRooms:
		m.Rooms, err = r.element(m.Rooms, f, used)
	case messagePayload:
		err = readPayload(f.bytes, &m.Payload, used)
	case messageClose:
		m.Close = f.boolean()
	case messageBrief:
		m.Brief = f.boolean()
	case messageCount:
		m.Count, err = f.count()
	case messageTrace:
		m.Trace, err = r.text(f)
	case messageSockets:
		if err = used.Sockets(1); err != nil {
			break
		}
		if m.Sockets == nil {
			n := r.count(messageSockets)
			if ahead := *used; ahead.Sockets(n) != nil {
				return ahead.Sockets(n)
			}
			m.Sockets = make([]core.Socket, 0, 1+min(n, len(r.src)/typicalSocket))
		}
		var s core.Socket
		s, err = readSocket(newReader(f.bytes, socketHandshake), used)
		m.Sockets = append(m.Sockets, s)
	}
	if err != nil {
		return fmt.Errorf("field %d: %w", f.tag>>3, err)
	}
	return nil
}

package msgpack

import (
	"errors"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/msgpack"
)

// eventPacket is the packet type of a BROADCAST (Socket.IO's EVENT), whether it
// has binary values or not.
const eventPacket = 2

var (
	errRequestID = errors.New("no request id")
	errCount     = errors.New("negative count")
)

// appendMessage appends {type, [data], uid, nsp}.
func appendMessage(b []byte, m *core.Message) ([]byte, error) {
	hasData := shapes[m.Kind].wanted != 0
	if hasData {
		b = msgpack.AppendMapHeader(b, 4)
	} else {
		b = msgpack.AppendMapHeader(b, 3)
	}
	b = msgpack.AppendString(b, "type")
	b = msgpack.AppendInt(b, int64(m.Kind))
	if hasData {
		var err error
		if b, err = appendData(msgpack.AppendString(b, "data"), m); err != nil {
			return nil, err
		}
	}
	b = msgpack.AppendString(b, "uid")
	b = appendText(b, m.From)
	b = msgpack.AppendString(b, "nsp")
	return appendText(b, m.Namespace), nil
}

// appendData appends the data of a message, its members in the reference's order. A
// member that is not set is left out, not nil: the reference compares with undefined.
func appendData(b []byte, m *core.Message) ([]byte, error) {
	if shapes[m.Kind].required&memberRequestID != 0 && m.RequestID == "" {
		return nil, errRequestID
	}
	switch m.Kind {
	case core.KindBroadcast:
		return appendBroadcast(b, m)
	case core.KindSocketsJoin, core.KindSocketsLeave:
		b = msgpack.AppendMapHeader(b, 2)
		b = appendTarget(msgpack.AppendString(b, "opts"), m.To)
		return appendTexts(msgpack.AppendString(b, "rooms"), m.Rooms), nil
	case core.KindDisconnectSockets:
		b = msgpack.AppendMapHeader(b, 2)
		b = appendTarget(msgpack.AppendString(b, "opts"), m.To)
		return msgpack.AppendBool(msgpack.AppendString(b, "close"), m.Close), nil
	case core.KindFetchSockets:
		b = msgpack.AppendMapHeader(b, 2)
		b = appendTarget(msgpack.AppendString(b, "opts"), m.To)
		return appendRequestID(b, m), nil
	case core.KindFetchSocketsResponse:
		b = appendRequestID(msgpack.AppendMapHeader(b, 2), m)
		return appendSockets(msgpack.AppendString(b, "sockets"), m.Sockets)
	case core.KindServerSideEmit:
		return appendServerSideEmit(b, m)
	case core.KindBroadcastClientCount:
		if m.Count < 0 {
			return nil, errCount
		}
		b = appendRequestID(msgpack.AppendMapHeader(b, 2), m)
		return msgpack.AppendInt(msgpack.AppendString(b, "clientCount"), int64(m.Count)), nil
	}
	// ServerSideEmitResponse, BroadcastAck
	b = appendRequestID(msgpack.AppendMapHeader(b, 2), m)
	return appendValue(msgpack.AppendString(b, "packet"), m.Payload)
}

func appendBroadcast(b []byte, m *core.Message) ([]byte, error) {
	b = msgpack.AppendMapHeader(b, members(2, m))
	b = msgpack.AppendMapHeader(msgpack.AppendString(b, "packet"), 2)
	b = msgpack.AppendInt(msgpack.AppendString(b, "type"), eventPacket)
	b, err := appendEvent(msgpack.AppendString(b, "data"), m.Payload)
	if err != nil {
		return nil, err
	}
	if m.RequestID != "" {
		b = appendRequestID(b, m)
	}
	return appendTarget(msgpack.AppendString(b, "opts"), m.To), nil
}

func appendServerSideEmit(b []byte, m *core.Message) ([]byte, error) {
	b = msgpack.AppendMapHeader(b, members(1, m))
	if m.RequestID != "" {
		b = appendRequestID(b, m)
	}
	return appendEvent(msgpack.AppendString(b, "packet"), m.Payload)
}

// members returns n, or n+1 if m has a request id.
func members(n int, m *core.Message) int {
	if m.RequestID != "" {
		n++
	}
	return n
}

func appendRequestID(b []byte, m *core.Message) []byte {
	return appendText(msgpack.AppendString(b, "requestId"), m.RequestID)
}

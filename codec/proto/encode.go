package proto

import "github.com/socketmesh/mesh/core"

// appendMessage appends the fields in the order of their numbers, as the generated code
// does.
func appendMessage(b []byte, m *core.Message) []byte {
	b = appendUint(b, messageKind, uint64(m.Kind))
	b = appendString(b, messageFrom, m.From)
	b = appendString(b, messageNamespace, m.Namespace)
	b = appendString(b, messageRequestID, m.RequestID)
	b = appendTarget(b, &m.To)
	b = appendStrings(b, messageRooms, m.Rooms)
	b = appendPayload(b, messagePayload, m.Payload)
	b = appendBool(b, messageClose, m.Close)
	b = appendBool(b, messageBrief, m.Brief)
	b = appendUint(b, messageCount, uint64(m.Count))
	for i := range m.Sockets {
		b = appendSocket(b, &m.Sockets[i])
	}
	b = appendString(b, messageTrace, m.Trace)
	return b
}

package json

import (
	"strconv"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsonscan"
	"github.com/socketmesh/mesh/internal/millis"
)

// sizeOf returns the approximate length of m on the wire. Payloads, which may be large,
// are counted exactly, so that appending them does not move the buffer.
func sizeOf(m *core.Message) int {
	const header, perSocket = 256, len(`{"id":"","rooms":[],"address":"","handshake":[1000],"data":[1000]},`)
	size := header + m.Payload.Size()
	for i := range m.Sockets {
		s := &m.Sockets[i]
		size += perSocket + len(s.ID) + len(s.Address) + s.Handshake.Size() + s.Data.Size()
		for _, room := range s.Rooms {
			size += len(room) + len(`"",`)
		}
	}
	return size
}

// appendHeader appends the header, without the newline.
func appendHeader(b []byte, m *core.Message) []byte {
	b = append(b, `{"kind":`...)
	b = strconv.AppendUint(b, uint64(m.Kind), 10)
	b = appendMember(b, "from", m.From)
	b = appendMember(b, "nsp", m.Namespace)
	if m.RequestID != "" {
		b = appendMember(b, "id", m.RequestID)
	}
	if m.Trace != "" {
		b = appendMember(b, "trace", m.Trace)
	}
	b = appendTarget(b, &m.To)
	if m.Rooms != nil || m.Kind.NeedsRooms() {
		b = append(b, `,"rooms":`...)
		b = appendStrings(b, m.Rooms)
	}
	if m.Close {
		b = append(b, `,"close":true`...)
	}
	if m.Brief {
		b = append(b, `,"brief":true`...)
	}
	if m.Count != 0 {
		b = append(b, `,"count":`...)
		b = strconv.AppendInt(b, int64(m.Count), 10)
	}
	if !m.Payload.IsZero() {
		b = append(b, `,"payload":`...)
		b = appendLengths(b, m.Payload)
	}
	if len(m.Sockets) > 0 {
		b = append(b, `,"sockets":`...)
		b = appendSockets(b, m.Sockets)
	}
	return append(b, '}')
}

// appendBlobs appends the payloads that the header has announced.
func appendBlobs(b []byte, m *core.Message) []byte {
	b = appendBlob(b, m.Payload)
	for i := range m.Sockets {
		b = appendBlob(b, m.Sockets[i].Handshake)
		b = appendBlob(b, m.Sockets[i].Data)
	}
	return b
}

func appendBlob(b []byte, p core.Payload) []byte {
	if p.IsZero() {
		return b
	}
	b = append(b, p.Text...)
	for _, a := range p.Attachments {
		b = append(b, a...)
	}
	return b
}

// appendTarget appends the parts of a target that are set.
func appendTarget(b []byte, to *core.Target) []byte {
	const start = `,"to":{`
	b = append(b, start...)
	empty := len(b)
	if len(to.Rooms) > 0 {
		b = append(b, `"rooms":`...)
		b = append(appendStrings(b, to.Rooms), ',')
	}
	if len(to.Except) > 0 {
		b = append(b, `"except":`...)
		b = append(appendStrings(b, to.Except), ',')
	}
	if to.Flags.Volatile {
		b = append(b, `"volatile":true,`...)
	}
	switch to.Flags.Compress {
	case core.CompressOn:
		b = append(b, `"compress":true,`...)
	case core.CompressOff:
		b = append(b, `"compress":false,`...)
	}
	if to.Flags.ExpectSingleResponse {
		b = append(b, `"single":true,`...)
	}
	if to.Flags.Timeout > 0 {
		b = append(b, `"timeout":`...)
		b = append(strconv.AppendInt(b, millis.Ceil(to.Flags.Timeout), 10), ',')
	}
	if len(b) == empty {
		return b[:empty-len(start)]
	}
	b[len(b)-1] = '}' // in place of the last comma
	return b
}

func appendSockets(b []byte, sockets []core.Socket) []byte {
	b = append(b, '[')
	for i := range sockets {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendSocket(b, &sockets[i])
	}
	return append(b, ']')
}

func appendSocket(b []byte, s *core.Socket) []byte {
	b = append(b, `{"id":`...)
	b = jsonscan.AppendQuoted(b, s.ID)
	if len(s.Rooms) > 0 {
		b = append(b, `,"rooms":`...)
		b = appendStrings(b, s.Rooms)
	}
	if s.Address != "" {
		b = appendMember(b, "address", s.Address)
	}
	if !s.Handshake.IsZero() {
		b = append(b, `,"handshake":`...)
		b = appendLengths(b, s.Handshake)
	}
	if !s.Data.IsZero() {
		b = append(b, `,"data":`...)
		b = appendLengths(b, s.Data)
	}
	return append(b, '}')
}

// appendLengths appends the lengths of a payload's text and attachments.
func appendLengths(b []byte, p core.Payload) []byte {
	b = append(b, '[')
	b = strconv.AppendInt(b, int64(len(p.Text)), 10)
	for _, a := range p.Attachments {
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(len(a)), 10)
	}
	return append(b, ']')
}

// appendMember appends a member whose value is a string; name must not need escapes.
func appendMember(b []byte, name, value string) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":`...)
	return jsonscan.AppendQuoted(b, value)
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = jsonscan.AppendQuoted(b, s)
	}
	return append(b, ']')
}

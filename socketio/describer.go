package socketio

import (
	"slices"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/session"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// describer describes the local sockets of one answer for other servers. What it
// encodes stands in one buffer, one behind the other.
type describer struct {
	host      *host
	text      []byte
	handshake handshakeWriter
}

// describe adds handshake and data. Data that cannot be encoded is logged and left
// out. It is read here while the application may hold it, so an application that
// changes it should store a new value (SetData).
func (d *describer) describe(sockets []core.Socket, found []*socket.Socket) {
	for i, s := range found {
		sockets[i].Address = s.Handshake().Address
		sockets[i].Handshake = d.handshakeOf(s)
		sockets[i].Data = d.dataOf(s)
		if i == 0 {
			d.text = slices.Grow(d.text, len(d.text)*len(found)) // the others are about as long
		}
	}
}

func (d *describer) handshakeOf(s *socket.Socket) core.Payload {
	handshake, host := s.Handshake(), addressedHost(s)
	start := len(d.text)
	if text, ok := d.handshake.append(d.text, handshake, host); ok && fits(text[start:]) {
		return d.add(start, text)
	}
	p, err := encodeHandshake(handshake, host)
	if err != nil {
		return d.refuse(s, "handshake", err)
	}
	return p
}

// dataOf describes what an application attached to a socket; nothing is {}, as in
// the reference.
func (d *describer) dataOf(s *socket.Socket) core.Payload {
	data := s.Data()
	if data == nil {
		return d.none()
	}
	start := len(d.text)
	text, attachments, err := siovalue.Append(d.text, data, siovalue.Options{KeepReaders: true})
	if err != nil {
		return d.refuse(s, "data", &EncodeError{Path: err.Place("data"), Err: err.Err})
	}
	p := d.add(start, text)
	p.Attachments = attachments
	return p
}

func (d *describer) none() core.Payload {
	return d.add(len(d.text), append(d.text, "{}"...))
}

func (d *describer) refuse(s *socket.Socket, member string, err error) core.Payload {
	d.host.logger.Error("socket cannot be described to other servers", "socket", s.Id(), "member", member, "error", err)
	return d.none()
}

// fits tells whether a value is within the library's limit.
func fits(text []byte) bool { return len(text) <= types.MaxPayloadSize-len("[]") }

// add takes what text has more, from start on. A buffer that it has outgrown stays
// with those who have parts of it.
func (d *describer) add(start int, text []byte) core.Payload {
	d.text = text
	return core.Payload{Text: text[start:len(text):len(text)]}
}

// addressedHost is the host that a socket's client asked for.
func addressedHost(s *socket.Socket) string {
	if conn, ok := s.Conn().(*session.Session); ok {
		return conn.Host()
	}
	return s.Request().Request().Host
}

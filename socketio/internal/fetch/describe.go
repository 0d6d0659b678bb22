package fetch

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/session"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// Describe fills in the handshake and data of found, local sockets, in the same order.
// sockets must be as long as found.
//
// Data that cannot be encoded is logged and left out. Describe reads data while the
// application may use it, so an application that changes it should store a new value
// (SetData) instead.
func Describe(sockets []core.Socket, found []*socket.Socket, logger *slog.Logger) {
	d := describer{logger: logger}
	for i, s := range found {
		sockets[i].Address = s.Handshake().Address
		sockets[i].Handshake = d.handshakeOf(s)
		sockets[i].Data = d.dataOf(s)
		if i == 0 {
			d.text = slices.Grow(d.text, len(d.text)*len(found)) // the others will be about as long
		}
	}
}

// describer describes the sockets of one answer. It writes all texts into one buffer, one
// behind the other.
type describer struct {
	logger    *slog.Logger
	text      []byte
	handshake handshakeWriter
}

func (d *describer) handshakeOf(s *socket.Socket) core.Payload {
	handshake, host := s.Handshake(), requestedHost(s)
	start := len(d.text)
	if text, ok := d.handshake.append(d.text, handshake, host); ok && fits(text[start:]) {
		return d.add(start, text)
	}
	p, err := encodeHandshake(handshake, host)
	if err != nil {
		return d.leaveOut(s, "handshake", err)
	}
	return p
}

// dataOf encodes the data that an application has attached to a socket; no data is {}, as
// in the reference.
func (d *describer) dataOf(s *socket.Socket) core.Payload {
	data := s.Data()
	if data == nil {
		return d.empty()
	}
	start := len(d.text)
	text, attachments, err := siovalue.Append(d.text, data, siovalue.Options{KeepReaders: true})
	if err != nil {
		return d.leaveOut(s, "data", encodeError("data", err))
	}
	p := d.add(start, text)
	p.Attachments = attachments
	return p
}

func (d *describer) empty() core.Payload {
	return d.add(len(d.text), append(d.text, "{}"...))
}

func (d *describer) leaveOut(s *socket.Socket, member string, err error) core.Payload {
	d.logger.Error("socket cannot be described to other servers", "socket", s.Id(), "member", member, "error", err)
	return d.empty()
}

// encodeError is an error that names the place of what cannot be encoded in the value
// called root.
func encodeError(root string, err *siovalue.Error) error {
	return fmt.Errorf("%s cannot be encoded: %w", err.Place(root), err.Err)
}

// fits reports whether a value is within the library's limit.
func fits(text []byte) bool { return len(text) <= types.MaxPayloadSize-len("[]") }

// add returns the payload whose text is text from start on. If text has outgrown the
// buffer, earlier payloads keep the old one.
func (d *describer) add(start int, text []byte) core.Payload {
	d.text = text
	return core.Payload{Text: text[start:len(text):len(text)]}
}

// requestedHost returns the host in the request of a socket's client.
func requestedHost(s *socket.Socket) string {
	if conn, ok := s.Conn().(*session.Session); ok {
		return conn.Host()
	}
	return s.Request().Request().Host
}

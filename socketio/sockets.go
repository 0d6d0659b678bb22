package socketio

import (
	"strings"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/session"
)

// describe describes a local socket for other servers. Data that cannot be
// encoded is logged and left out. It is read here while the application may hold
// it, so an application that changes it should store a new value (SetData).
func (h *host) describe(s *socket.Socket, brief bool) core.Socket {
	d := core.Socket{ID: string(s.Id()), Rooms: []string{}}
	if joined, _ := h.rooms.of(s.Id()); joined != nil {
		d.Rooms = roomStrings(joined.Keys())
	}
	if brief {
		return d
	}
	d.Handshake = h.encodeMember(s, "handshake", func() (core.Payload, error) { return encodeHandshake(s.Handshake(), addressedHost(s)) })
	d.Data = h.encodeMember(s, "data", func() (core.Payload, error) { return encodeData(s.Data()) })
	return d
}

// addressedHost is the host that a socket's client asked for.
func addressedHost(s *socket.Socket) string {
	if conn, ok := s.Conn().(*session.Session); ok {
		return conn.Host()
	}
	return s.Request().Request().Host
}

func (h *host) encodeMember(s *socket.Socket, member string, encode func() (core.Payload, error)) core.Payload {
	p, err := encode()
	if err != nil {
		h.logger.Error("socket cannot be described to other servers", "socket", s.Id(), "member", member, "error", err)
		return core.Payload{Text: []byte("{}")}
	}
	return p
}

// encodeData encodes what an application attached to a socket; nothing is {}, as
// in the reference.
func encodeData(data any) (core.Payload, error) {
	if data == nil {
		return core.Payload{Text: []byte("{}")}, nil
	}
	return encodeValue(keep(data))
}

// keep copies what encoding would use up: the library's encoder reads readers to
// their end.
func keep(value any) any {
	switch v := value.(type) {
	case []any:
		kept := make([]any, len(v))
		for i := range v {
			kept[i] = keep(v[i])
		}
		return kept
	case map[string]any:
		kept := make(map[string]any, len(v))
		for key, member := range v {
			kept[key] = keep(member)
		}
		return kept
	case types.BufferInterface:
		return v.Clone()
	case *strings.Reader:
		reader := *v
		return &reader
	}
	return value
}

// details is a socket of another server.
type details struct {
	id        socket.SocketId
	handshake *socket.Handshake
	rooms     *types.Set[socket.Room]
	data      any
}

var _ socket.SocketDetails = (*details)(nil)

func (d *details) Id() socket.SocketId            { return d.id }
func (d *details) Handshake() *socket.Handshake   { return d.handshake }
func (d *details) Rooms() *types.Set[socket.Room] { return d.rooms }
func (d *details) Data() any                      { return d.data }

// detailsOf makes what the library wants of a description: the socket itself where
// it is a local one, with its live data.
func (a *adapter) detailsOf(sockets []core.Socket) []socket.SocketDetails {
	all := make([]socket.SocketDetails, 0, len(sockets))
	for i := range sockets {
		if s, ok := a.Nsp().Sockets().Load(socket.SocketId(sockets[i].ID)); ok {
			all = append(all, s)
			continue
		}
		all = append(all, a.remote(&sockets[i]))
	}
	return all
}

func (a *adapter) remote(s *core.Socket) *details {
	handshake, err := decodeHandshake(s.Handshake)
	if err != nil {
		a.logger.Warn("handshake of a remote socket dropped", "socket", s.ID, "error", err)
	}
	data, err := decodeValue(s.Data, asBuffer)
	if err != nil {
		a.logger.Warn("data of a remote socket dropped", "socket", s.ID, "error", err)
	}
	return &details{
		id:        socket.SocketId(s.ID),
		handshake: handshake,
		rooms:     types.NewSet(roomsOf(s.Rooms)...),
		data:      data,
	}
}

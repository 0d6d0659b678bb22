package socketio

import (
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// Namespaces returns the namespaces that are open in the mesh, in no order, to inspect and
// to act on.
func (c *Constructor) Namespaces() []core.OpenNamespace {
	c.mu.Lock()
	defer c.mu.Unlock()
	open := make([]core.OpenNamespace, 0, len(c.open))
	for name, a := range c.open {
		open = append(open, core.OpenNamespace{Name: name, Adapter: a.core, State: a.host})
	}
	return open
}

var _ core.StateReporter = (*host)(nil)

func (h *host) Population() (sockets, rooms int) { return h.rooms.Population() }

func (h *host) EachRoom(yield func(room string, members int) bool) { h.rooms.EachRoom(yield) }

func (h *host) EachSocket(room string, yield func(id string) bool) { h.rooms.EachSocket(room, yield) }

func (h *host) SocketState(id string, rooms int) *core.SocketState {
	state := h.rooms.Look(socket.SocketId(id), rooms)
	if state == nil {
		return nil
	}
	s, ok := h.nsp.Sockets().Load(socket.SocketId(id))
	if !ok {
		return nil // it has left meanwhile
	}
	if handshake := s.Handshake(); handshake != nil {
		state.Address = handshake.Address
		state.Connected = time.UnixMilli(handshake.Issued)
	}
	if s.Client() != nil {
		state.Transport = s.Conn().Transport().Name()
	}
	return state
}

package mesh

import "github.com/socketmesh/mesh/socketio"

// WithDelivery says how events get to the clients of this server: how much may
// wait for one, and whether the mesh or the Socket.IO library writes them.
func WithDelivery(d socketio.Delivery) Option {
	return func(a *assembly) { a.delivery = d }
}

// Delivery tells what the delivery to this server's WebSocket clients does and has
// done: how many there are, how many were too slow, how much was written.
func (m *Mesh) Delivery() socketio.DeliveryStats { return m.adapter.Delivery() }

package socketio

import (
	"context"
	"slices"
	"sync"

	"github.com/socketmesh/mesh/core"
)

// notes are the methods that were called, in order.
type notes struct {
	mu      sync.Mutex
	methods []string
}

func (n *notes) add(method string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.methods = append(n.methods, method)
}

func (n *notes) read() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.methods)
}

func (n *notes) clear() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.methods = nil
}

// adapterWitness overrides every method of an adapter with a note.
type adapterWitness struct {
	core.Adapter
	*notes
}

func (w adapterWitness) Namespace() string {
	w.add("Namespace")
	return w.Adapter.Namespace()
}

func (w adapterWitness) Broadcast(event core.Payload, to core.Target) {
	w.add("Broadcast")
	w.Adapter.Broadcast(event, to)
}

func (w adapterWitness) BroadcastWithAck(ctx context.Context, event core.Payload, to core.Target, ack func(core.Payload)) *core.Call[int] {
	w.add("BroadcastWithAck")
	return w.Adapter.BroadcastWithAck(ctx, event, to, ack)
}

func (w adapterWitness) FetchSockets(ctx context.Context, to core.Target) *core.Call[[]core.Socket] {
	w.add("FetchSockets")
	return w.Adapter.FetchSockets(ctx, to)
}

func (w adapterWitness) Sockets(ctx context.Context, rooms []string) *core.Call[[]string] {
	w.add("Sockets")
	return w.Adapter.Sockets(ctx, rooms)
}

func (w adapterWitness) SocketRooms(ctx context.Context, sid string) *core.Call[[]string] {
	w.add("SocketRooms")
	return w.Adapter.SocketRooms(ctx, sid)
}

func (w adapterWitness) AddSockets(to core.Target, rooms []string) {
	w.add("AddSockets")
	w.Adapter.AddSockets(to, rooms)
}

func (w adapterWitness) DelSockets(to core.Target, rooms []string) {
	w.add("DelSockets")
	w.Adapter.DelSockets(to, rooms)
}

func (w adapterWitness) DisconnectSockets(to core.Target, closeConn bool) {
	w.add("DisconnectSockets")
	w.Adapter.DisconnectSockets(to, closeConn)
}

func (w adapterWitness) AddAll(sid string, rooms []string) {
	w.add("AddAll")
	w.Adapter.AddAll(sid, rooms)
}

func (w adapterWitness) Del(sid string, room string) {
	w.add("Del")
	w.Adapter.Del(sid, room)
}

func (w adapterWitness) DelAll(sid string) {
	w.add("DelAll")
	w.Adapter.DelAll(sid)
}

func (w adapterWitness) ServerSideEmit(event core.Payload) {
	w.add("ServerSideEmit")
	w.Adapter.ServerSideEmit(event)
}

func (w adapterWitness) ServerSideEmitWithAck(ctx context.Context, event core.Payload) *core.Call[[]core.Payload] {
	w.add("ServerSideEmitWithAck")
	return w.Adapter.ServerSideEmitWithAck(ctx, event)
}

func (w adapterWitness) ServerCount() int {
	w.add("ServerCount")
	return w.Adapter.ServerCount()
}

func (w adapterWitness) Servers() []string {
	w.add("Servers")
	return w.Adapter.Servers()
}

func (w adapterWitness) Close() {
	w.add("Close")
	w.Adapter.Close()
}

// hostWitness overrides every method of a host with a note.
type hostWitness struct {
	core.Host
	*notes
}

func (w hostWitness) Broadcast(event core.Payload, to core.Target) {
	w.add("Broadcast")
	w.Host.Broadcast(event, to)
}

func (w hostWitness) BroadcastWithAck(event core.Payload, to core.Target, count func(int), ack func(core.Payload)) {
	w.add("BroadcastWithAck")
	w.Host.BroadcastWithAck(event, to, count, ack)
}

func (w hostWitness) Sockets(to core.Target, brief bool) []core.Socket {
	w.add("Sockets")
	return w.Host.Sockets(to, brief)
}

func (w hostWitness) Has(sid string) bool {
	w.add("Has")
	return w.Host.Has(sid)
}

func (w hostWitness) Join(to core.Target, rooms []string) {
	w.add("Join")
	w.Host.Join(to, rooms)
}

func (w hostWitness) Leave(to core.Target, rooms []string) {
	w.add("Leave")
	w.Host.Leave(to, rooms)
}

func (w hostWitness) Disconnect(to core.Target, closeConn bool) {
	w.add("Disconnect")
	w.Host.Disconnect(to, closeConn)
}

func (w hostWitness) ServerSideEmit(event core.Payload, reply func(core.Payload)) {
	w.add("ServerSideEmit")
	w.Host.ServerSideEmit(event, reply)
}

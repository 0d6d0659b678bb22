package wstransport

import (
	"slices"

	"github.com/socketmesh/mesh/internal/wsframe"
	"github.com/socketmesh/mesh/socketio/internal/sendqueue"
)

// Message is a Socket.IO packet for many connections. Its frames are made when the first
// connection needs them. It must be used by one goroutine.
type Message struct {
	Head        []byte // what goes before the text, beginning with Engine.IO's packet type, "4"
	Text        []byte
	Attachments [][]byte
	Volatile    bool
	Compress    bool

	plain, deflated *sendqueue.Frame
}

// Deliver puts a message into the connection's queue. It returns false if the packet has to
// go through the engine socket: it cannot be sent here, or not yet. The engine socket comes
// first until it has sent something itself: when a connection is upgraded, it first sends
// what it has queued for it.
//
// For a volatile message that is dropped, and for a connection that is closed, Deliver
// returns true.
func (t *Transport) Deliver(m *Message) bool {
	if !t.live.Load() || len(m.Attachments) > 0 && (!t.binary || t.parser.Protocol() == 3) {
		return false
	}
	if t.state.Load() != &stateOpen {
		return true
	}
	f := m.frame(t)
	if m.Volatile {
		_, _ = t.queue.PutVolatile(f)
	} else {
		_ = t.queue.Put(f) // the queue reports errors to its owner
	}
	return true
}

// frame returns the frame for this kind of connection.
func (m *Message) frame(t *Transport) *sendqueue.Frame {
	if !m.Compress || !t.deflates || t.deflate == nil {
		if m.plain == nil {
			m.plain = m.build(func(int) bool { return false })
		}
		return m.plain
	}
	if m.deflated == nil {
		m.deflated = m.build(t.compresses)
	}
	return m.deflated
}

func (m *Message) build(compresses func(n int) bool) *sendqueue.Frame {
	text := len(m.Head) + len(m.Text)
	size := wsframe.Size(text)
	for _, a := range m.Attachments {
		size += wsframe.Size(len(a))
	}
	frame := make([]byte, 0, size)
	if compresses(text) {
		frame = append(frame, wsframe.NewDeflated(wsframe.Text, slices.Concat(m.Head, m.Text))...)
	} else {
		frame = append(wsframe.AppendHeader(frame, wsframe.Text, text), m.Head...)
		frame = append(frame, m.Text...)
	}
	for _, a := range m.Attachments {
		frame = appendFrame(frame, wsframe.Binary, a, compresses)
	}
	return sendqueue.NewFrame(frame)
}

func appendFrame(dst []byte, op wsframe.Opcode, payload []byte, compresses func(n int) bool) []byte {
	if compresses(len(payload)) {
		return append(dst, wsframe.NewDeflated(op, payload)...)
	}
	return append(wsframe.AppendHeader(dst, op, len(payload)), payload...)
}

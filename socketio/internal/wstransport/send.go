package wstransport

import (
	"bytes"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/v3/pkg/queue"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/internal/wsframe"
	"github.com/socketmesh/mesh/socketio/internal/sendqueue"
)

// Send puts packets into the queue. When they have been written, it emits one "drain", if
// that has listeners: the engine counts these.
func (t *Transport) Send(packets []*packet.Packet) {
	for _, p := range packets {
		t.SendPacket(p)
	}
	if t.ListenerCount("drain") > 0 {
		t.queue.Mark()
	}
}

// SendPacket puts one packet into the queue.
func (t *Transport) SendPacket(p *packet.Packet) {
	op, payload, err := t.encode(p)
	if err != nil {
		go t.drop(err) // listeners may send
		return
	}
	f := t.frame(op, payload, p.Options == nil || p.Options.Compress == nil || *p.Options.Compress)
	switch p.Type {
	case packet.MESSAGE:
		t.sendMessage(op, payload, f)
	case packet.PING:
		t.putPing(f)
	default:
		_ = t.queue.Put(f) // the queue reports errors to its owner
	}
	if p.Type == packet.MESSAGE || p.Type == packet.OPEN {
		t.live.Store(true)
	}
}

// encode encodes a packet as the library's parser does, or passes on a message that is
// encoded already, as the library's transport does.
func (t *Transport) encode(p *packet.Packet) (wsframe.Opcode, []byte, error) {
	data := types.BufferInterface(nil)
	if p.Options != nil && p.Options.WsPreEncodedFrame != nil && t.deflate == nil {
		data = p.Options.WsPreEncodedFrame
	} else {
		var err error
		if data, err = t.parser.EncodePacket(p, t.binary); err != nil {
			return 0, nil, err
		}
	}
	if _, ok := data.(*types.StringBuffer); ok {
		return wsframe.Text, data.Bytes(), nil
	}
	return wsframe.Binary, data.Bytes(), nil
}

// frame makes a frame for this connection only.
func (t *Transport) frame(op wsframe.Opcode, payload []byte, compress bool) *sendqueue.Frame {
	if compress && t.compresses(len(payload)) {
		return sendqueue.NewFrame(wsframe.NewDeflated(op, payload))
	}
	return sendqueue.NewFrame(wsframe.New(op, payload))
}

// compresses reports whether a payload of n bytes is compressed on this connection.
func (t *Transport) compresses(n int) bool {
	return t.deflates && t.deflate != nil && n >= t.deflate.Threshold
}

// sendMessage puts a message into the queue. The first part of a packet with attachments
// waits for the others, so that nothing comes between them; the answer to CONNECT may have
// to wait for the namespace.
func (t *Transport) sendMessage(op wsframe.Opcode, payload []byte, f *sendqueue.Frame) {
	if !t.shared.Plain {
		_ = t.queue.Put(f)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	part := op == wsframe.Binary || bytes.HasPrefix(payload, []byte("b"))
	if t.need > 0 && part {
		t.parts = append(t.parts, f)
		if t.need--; t.need == 0 {
			t.flushParts()
		}
		return
	}
	t.flushParts() // they do not belong to one packet
	if part {
		_ = t.queue.Put(f)
		return
	}
	if n := attachments(payload); n > 0 {
		t.parts, t.need = append(t.parts, f), n
		return
	}
	if nsp, ok := t.answers(payload); ok && t.shared.Needs.HeldConnect && t.shared.Holds(nsp) {
		_ = t.queue.PutHeld(nsp, f)
		return
	}
	_ = t.queue.Put(f)
}

func (t *Transport) flushParts() {
	if len(t.parts) > 0 {
		_ = t.queue.PutAll(t.parts)
	}
	t.parts, t.need = nil, 0
}

// attachments returns how many attachments follow a message: "451-…" announces one.
func attachments(payload []byte) (n int) {
	if len(payload) < 4 || payload[1] != '5' && payload[1] != '6' {
		return 0
	}
	for _, c := range payload[2:min(len(payload), 10)] {
		switch {
		case c >= '0' && c <= '9':
			n = n*10 + int(c-'0')
		case c == '-':
			return n
		default:
			return 0
		}
	}
	return 0
}

// Sent emits "drain" for each Send, on a queue as the library's transport has one, because
// listeners may do anything. The queue exists while something is being sent.
func (t *Transport) Sent(marks int) {
	t.drainMu.Lock()
	defer t.drainMu.Unlock()
	if t.drains == nil {
		t.drains = queue.New()
	}
	drains := t.drains
	drains.Enqueue(func() {
		for range marks {
			t.Emit("drain")
		}
		t.drained(drains)
	})
}

// drained drops the queue after its last task.
func (t *Transport) drained(drains *queue.Queue) {
	t.drainMu.Lock()
	defer t.drainMu.Unlock()
	if drains.Size() == 0 {
		t.drains = nil
	}
}

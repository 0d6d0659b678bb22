package wstransport

import (
	"runtime"
	"sync"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/internal/wsframe"
	"github.com/socketmesh/mesh/socketio/internal/sendqueue"
)

// buffers hold what has just been read. A connection that waits holds none, if that is
// possible.
const (
	bufferSize      = 16 << 10
	smallBufferSize = 1 << 10
)

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// Start begins to read. The caller has added the listeners of packets before.
func (t *Transport) Start() {
	t.mu.Lock()
	first, broken := !t.started, t.broken
	t.started = true
	t.mu.Unlock()
	switch {
	case !first:
	case broken != nil:
		t.tellLost(broken)
	case !t.poll():
		go t.read()
	}
}

// read reads what there is, and starts another goroutine to wait for more: so the stack
// that listeners needed is freed, and a waiting goroutine has the smallest one. It is for
// connections without a poller, and for those that are being closed.
func (t *Transport) read() {
	more := true
	for more {
		if t.park() {
			return
		}
		t.setDeadline()
		var err error
		if more, err = t.readOnce(); err != nil {
			t.ended(err)
			return
		}
		if more { // other connections wait for a processor
			runtime.Gosched()
		}
	}
	go t.read()
}

// readOnce waits for bytes and handles them. more says that there are more.
func (t *Transport) readOnce() (more bool, err error) {
	if t.raw != nil {
		n, err := t.readReady(true)
		return n == bufferSize, err
	}
	if t.small == nil {
		t.small = make([]byte, smallBufferSize)
	}
	n, err := t.conn.Read(t.small)
	if err != nil {
		return false, err
	}
	return n == len(t.small), t.frames.Feed(t.small[:n], t)
}

// setDeadline sets the client's idle time as read deadline, unless it is being closed.
func (t *Transport) setDeadline() {
	if t.idle <= 0 || t.state.Load() != &stateOpen {
		return
	}
	_ = t.conn.SetReadDeadline(time.Now().Add(t.idle))
	if t.state.Load() != &stateOpen { // it was closed meanwhile
		_ = t.conn.SetReadDeadline(time.Now().Add(time.Second))
	}
}

// ended ends the connection after reading has failed. A client that broke the WebSocket
// protocol gets the close code for it.
func (t *Transport) ended(err error) {
	if code := wsframe.CodeFor(err); code != 0 {
		t.closeWith(code, err)
		return
	}
	t.drop(err)
}

// closeWith closes with a code, and reads nothing more from the client but its end.
func (t *Transport) closeWith(code uint16, err error) {
	t.closeQueue(sendqueue.NewFrame(wsframe.NewClose(code)))
	t.tellLost(err)
	for buf := make([]byte, smallBufferSize); ; {
		if _, err := t.conn.Read(buf); err != nil {
			t.queue.Drop()
			return
		}
	}
}

// Unread reports whether something that the client has sent, perhaps a pong, is still to be
// read or handled. A client that is held back is not read from on purpose, and does not
// count.
func (t *Transport) Unread() bool {
	return !t.held() && (t.registration.Busy() || unread(t.conn))
}

// Message handles a message of the client: one packet.
func (t *Transport) Message(op wsframe.Opcode, payload []byte) {
	if t.state.Load() == &stateClosed {
		return
	}
	if f := t.flow.Load(); f != nil {
		f.Came(len(payload))
	}
	if op == wsframe.Text {
		t.joins(payload)
	}
	if p := t.message(op, payload); p != nil {
		t.OnPacket(p)
		return
	}
	if op == wsframe.Text {
		t.OnData(types.NewStringBuffer(payload))
	} else {
		t.OnData(types.NewBytesBuffer(payload))
	}
}

// message decodes the most frequent packets without the copy that the library's parser
// makes. If it returns nil, the parser decodes the packet.
func (t *Transport) message(op wsframe.Opcode, payload []byte) *packet.Packet {
	if op == wsframe.Binary {
		if t.parser.Protocol() == 3 {
			return nil
		}
		return &packet.Packet{Type: packet.MESSAGE, Data: types.NewBytesBuffer(payload)}
	}
	if len(payload) == 0 || payload[0] != '4' {
		return nil
	}
	return newText(payload[1:])
}

// newText makes a packet of a text, in one allocation.
func newText(text []byte) *packet.Packet {
	m := &struct {
		packet packet.Packet
		text   types.StringBuffer
		buffer types.Buffer
	}{buffer: *types.NewBuffer(text)}
	m.text.Buffer = &m.buffer
	m.packet = packet.Packet{Type: packet.MESSAGE, Data: &m.text}
	return &m.packet
}

// Control handles the control frames of the client's WebSocket.
func (t *Transport) Control(op wsframe.Opcode, payload []byte) {
	switch op {
	case wsframe.Ping:
		_ = t.queue.Put(sendqueue.NewFrame(wsframe.New(wsframe.Pong, payload)))
	case wsframe.Close: // answered with the same code and reason, as Node's servers do
		t.closeQueue(sendqueue.NewFrame(wsframe.New(wsframe.Close, payload)))
		t.OnClose()
	}
}

package wstransport

import (
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"

	engineerrors "github.com/zishang520/socket.io/servers/engine/v3/errors"

	"github.com/socketmesh/mesh/internal/backlog"
	"github.com/socketmesh/mesh/internal/wsframe"
	"github.com/socketmesh/mesh/socketio/internal/sendqueue"
)

var _ sendqueue.Owner = (*Transport)(nil)

// goodbye is the last frame of a connection that the server closes.
var goodbye = sendqueue.NewFrame(wsframe.NewClose(0))

// Close closes the transport. Its state is closed on return; what has been sent still
// arrives, if the client takes it.
func (t *Transport) Close(fn ...types.Callable) {
	if state := t.state.Load(); state == &stateClosed || state == &stateClosing {
		return
	}
	t.SetReadyState(stateClosing)
	fn = append(fn, nil)
	t.DoClose(fn[0])
}

// DoClose is the part of Close that the library leaves to its transports.
func (t *Transport) DoClose(fn types.Callable) {
	t.mu.Lock()
	t.flushParts()
	t.mu.Unlock()
	t.closeQueue(goodbye)
	if fn != nil {
		fn()
	}
	t.OnClose()
}

// closeQueue closes the sending side. From then on a goroutine waits for the client's end
// of the connection, or for the deadline.
func (t *Transport) closeQueue(last *sendqueue.Frame) {
	t.queue.Close(last)
	t.stopPolling()
	t.unpark()
}

// OnClose closes the transport and emits "close", once.
func (t *Transport) OnClose() {
	if t.state.Swap(&stateClosed) == &stateClosed {
		return
	}
	t.Emit("close")
	if t.receiver != nil {
		t.receiver.Closed()
	}
}

// OnError reports an error to the receiver or the listeners, if there are any.
func (t *Transport) OnError(message string, cause error) {
	err := engineerrors.NewTransportError(message, cause)
	if t.receiver != nil {
		t.receiver.Failed(err)
	}
	if t.ListenerCount("error") > 0 {
		t.Emit("error", err)
	}
}

// OnPacket passes on a packet that was received.
func (t *Transport) OnPacket(p *packet.Packet) {
	if f := t.flow.Load(); f != nil && p.Type == packet.PONG {
		f.Ping.Answered()
	}
	if t.receiver != nil {
		t.receiver.Packet(p)
	}
	t.EmitOne("packet", p)
}

// OnData passes on a packet that was received encoded.
func (t *Transport) OnData(data types.BufferInterface) {
	p, _ := t.parser.DecodePacket(data) // an error is a packet, too
	t.OnPacket(p)
}

// Failed is called by the queue: writing failed, or the client was too slow.
func (t *Transport) Failed(err error) {
	if slow, ok := errors.AsType[*backlog.Error](err); ok {
		t.shared.LogSlow(transports.WEBSOCKET, t.sid, t.conn.RemoteAddr().String(), slow)
	}
	t.lost(err)
}

// drop ends the connection because of an error, unless it has ended already.
func (t *Transport) drop(err error) {
	if t.queue.Drop() {
		t.lost(err)
	}
}

// lost ends the transport after its connection has ended; that the peer has gone is not an
// error. An error before [Transport.Start] is reported by Start, because before there are
// no listeners.
func (t *Transport) lost(err error) {
	t.stopPolling()
	t.mu.Lock()
	first := t.broken == nil
	if first {
		t.broken = err
	}
	started := t.started
	t.mu.Unlock()
	if first && started {
		t.tellLost(err)
	}
}

func (t *Transport) tellLost(err error) {
	if t.state.Load() != &stateClosed && !gone(err) {
		t.OnError("websocket error", err)
	}
	t.OnClose()
}

// gone reports whether an error says only that the connection has ended: the operating
// system reports it (a reset, a broken pipe, no route), or it has been closed. For Node's
// server that is "transport close", like a connection that ends in good order.
func gone(err error) bool {
	var system syscall.Errno
	return errors.As(err, &system) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, sendqueue.ErrClosed)
}

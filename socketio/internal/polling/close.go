package polling

import (
	"net/http"
	"sync"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Close closes the transport. fn is called when the client has been told, or will not
// be: at once, unless there is no poll to answer and the transport is not discarded, or
// the engine socket is just asked what it has for one.
//
// When a client is upgraded, its engine socket closes the polling transport, without
// fn, a moment before it takes the other one. Who closes the socket in that moment
// comes here a second time, with fn, and is heard: else the socket would stay open.
func (t *Transport) Close(fn ...types.Callable) {
	var told types.Callable
	if len(fn) > 0 {
		told = fn[0]
	}
	if again, left := t.beginClose(told == nil); again {
		if left && told != nil {
			told()
		}
		return
	}
	t.interruptPost()
	end := sync.OnceFunc(func() {
		if told != nil {
			told()
		}
		t.OnClose()
	})
	if t.closeOpenPoll() || !t.endLater(end, told != nil && !t.Discarded()) {
		end()
	}
}

// DoClose is Close.
func (t *Transport) DoClose(fn types.Callable) { t.Close(fn) }

// beginClose makes the transport closing. again tells that it is already, left that
// this was by an engine socket that did not ask to be told.
func (t *Transport) beginClose(leaving bool) (again, left bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ReadyState() != stateOpen {
		return true, t.left
	}
	t.SetReadyState(stateClosing)
	t.left = leaving
	t.endWait()
	return false, false
}

// interruptPost ends a request whose packets have not all come: nobody takes them any
// more.
func (t *Transport) interruptPost() {
	t.mu.Lock()
	ctx := t.posting
	if t.received {
		ctx = nil
	}
	t.mu.Unlock()
	if ctx != nil {
		_ = http.NewResponseController(ctx.Response()).SetReadDeadline(time.Unix(1, 0))
	}
}

// closeOpenPoll answers the open poll, if there is one, with CLOSE.
func (t *Transport) closeOpenPoll() bool { return t.finish(packet.CLOSE) }

// finish answers the open poll, if there is one, with a packet of this type, or
// refuses it.
func (t *Transport) finish(kind packet.Type) bool {
	t.mu.Lock()
	if kind == packet.CLOSE && t.poll == t.offered {
		t.mu.Unlock()
		return false // none, or the engine socket has packets in its hands that come first
	}
	p, status := t.take(), t.status
	t.mu.Unlock()
	if p == nil {
		return false
	}
	a := answer{status: status}
	if status == 0 {
		a.data, a.compress = t.encode([]*packet.Packet{{Type: kind}})
	}
	p.answer <- a
	return true
}

// endLater has a poll answered with CLOSE and then end called: the one for which the engine
// socket is just asked what it has, or, if that is waited for, the next one. If none comes
// in time, end alone is called. It reports false if there is no poll, or one has come
// meanwhile.
func (t *Transport) endLater(end func(), wait bool) bool {
	t.mu.Lock()
	if t.poll == nil && !wait {
		t.mu.Unlock()
		return false
	}
	if t.poll == t.offered || t.poll == nil {
		defer t.mu.Unlock()
		t.ending = end
		t.timer = time.AfterFunc(transports.DefaultPollingCloseTimeout, end)
		return true
	}
	t.mu.Unlock()
	t.closeOpenPoll()
	return false
}

// OnClose makes the transport closed and tells so, once. An open poll is answered: the
// client has closed, or the server does not care for it any more.
func (t *Transport) OnClose() {
	t.finish(packet.NOOP)
	t.mu.Lock()
	first := !t.closed
	t.closed, t.ending = true, nil
	t.endWait()
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	t.hurry()
	t.mu.Unlock()
	if !first {
		return
	}
	if t.account != nil {
		t.account.Close()
	}
	t.finish(packet.NOOP) // one that has come meanwhile; later ones are refused
	t.Polling.OnClose()
}

package polling

import (
	"net/http"
	"sync"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Close closes the transport. fn is called when the client has got CLOSE, or will not get
// it. That is at once, except when no poll is open and the transport is not discarded, or
// when the engine socket is just being asked for packets for the poll.
//
// When a client is upgraded, its engine socket closes the polling transport, without fn, a
// moment before it uses the new one. If the socket is closed in that moment, Close is
// called again, with fn, which must be called: otherwise the socket would stay open.
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

// beginClose sets the state to closing. again says that it was so already, left that the
// first Close had no fn.
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

// interruptPost aborts a request whose packets have not all arrived: they would not be
// used.
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

// finish answers the open poll, if there is one, with a packet of this type, or refuses it.
func (t *Transport) finish(kind packet.Type) bool {
	t.mu.Lock()
	if kind == packet.CLOSE && t.poll == t.offered {
		t.mu.Unlock()
		return false // there is no poll, or the engine socket is about to answer it with packets
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

// endLater makes a later answer contain CLOSE, after which end is called: the answer of the
// poll for which the engine socket is just being asked for packets, or, if wait is set, of
// the next poll. If none comes in time, only end is called. endLater returns false if there
// is no poll to wait for, or one was opened meanwhile and has been answered.
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

// OnClose closes the transport and emits "close", once. An open poll is answered: the
// client has closed, or the server no longer uses the transport.
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
	t.finish(packet.NOOP) // a poll that was opened meanwhile; later ones are refused
	t.Polling.OnClose()
}

package polling

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// poll is a request in which a client waits for packets. The goroutine that removes it from
// the transport, under the transport's lock, sends its answer.
type poll struct {
	ctx    *types.HttpContext
	answer chan answer // of capacity 1
	unwind func() bool // stops watching for the client's end
}

// answer is how a poll is answered.
type answer struct {
	data     types.BufferInterface // packets, unless status is set
	compress bool
	messages int // messages that the account counts, and their bytes
	bytes    int
	delay    time.Duration // wait so long before it is written
	status   int           // refuse the poll with it
	gone     bool          // the client has gone: write nothing
	then     func()        // called when the answer is written; may be nil
}

var (
	errOverlap = errors.New("a poll of the client is open already")
	errGone    = errors.New("client has gone while it polled")
)

// open makes the request the open poll, and emits "ready" to the engine socket, which may
// send packets. It returns nil if the request was refused.
func (t *Transport) open(ctx *types.HttpContext) *poll {
	if callsCleanup {
		ctx.Cleanup = nothing
	}
	p := &poll{ctx: ctx, answer: make(chan answer, 1)}
	t.mu.Lock()
	overlap, over := t.poll != nil, t.closed || t.Discarded()
	if !overlap && !over {
		t.poll, t.offered = p, p
		p.unwind = context.AfterFunc(ctx.Context(), func() { t.lost(p) })
	}
	t.mu.Unlock()
	if overlap || over {
		refuse(ctx, http.StatusBadRequest)
		if overlap {
			t.OnError("overlap from client", errOverlap)
		}
		return nil
	}
	t.Emit("ready")
	t.mu.Lock()
	t.offered = nil
	t.mu.Unlock()
	t.closeWithPoll()
	return p
}

// closeWithPoll sends CLOSE to a client that is being disconnected, if the new poll was not
// answered with packets.
func (t *Transport) closeWithPoll() {
	t.mu.Lock()
	idle, ending := t.poll != nil, t.ending != nil
	t.mu.Unlock()
	switch {
	case !idle:
	case ending:
		t.Send([]*packet.Packet{{Type: packet.NOOP}})
	default:
		// An engine socket that is closing waits for its packets to be taken, and misses
		// that if it happens before it listens: it would wait for ever.
		if socket, ok := t.env.Engine.Clients().Load(t.Sid()); ok && socket.ReadyState() == stateClosing {
			socket.Close(true)
		}
	}
}

// take removes the open poll from the transport and returns it. The caller holds the lock.
func (t *Transport) take() *poll {
	p := t.poll
	t.poll = nil
	return p
}

// lost ends the session of a client that has gone while it polled.
func (t *Transport) lost(p *poll) {
	t.mu.Lock()
	open := t.poll == p
	if open {
		t.poll = nil
	}
	t.mu.Unlock()
	if open {
		p.answer <- answer{gone: true}
		t.OnError("poll connection closed prematurely", errGone)
	}
}

// answer waits for a poll's answer and writes it.
func (t *Transport) answer(p *poll) {
	a := <-p.answer
	p.unwind()
	defer t.sent(a)
	switch {
	case a.gone:
	case a.status != 0:
		refuse(p.ctx, a.status)
	default:
		t.write(p.ctx, a)
	}
	if a.then != nil {
		a.then()
	}
}

func (t *Transport) write(ctx *types.HttpContext, a answer) {
	if a.delay > 0 {
		timer := time.NewTimer(a.delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Context().Done():
		}
	}
	t.beginWrite(ctx)
	defer t.endWrite()
	t.DoWrite(ctx, a.data, &packet.Options{Compress: &a.compress}, func(err error) {
		if err != nil {
			t.OnError("polling write error", err)
			return
		}
		t.Emit("drain")
	})
}

// callsCleanup reports whether the library's DoWrite calls a context's Cleanup without
// checking that there is one, as it does up to version 3.0.5. Later versions have contexts
// that keep their response until it is written.
var callsCleanup = func() bool {
	_, later := any((*types.HttpContext)(nil)).(interface{ BeginResponse() bool })
	return !later
}()

func nothing() {}

// refuse answers with a status and nothing else.
func refuse(ctx *types.HttpContext, status int) {
	_ = ctx.SetStatusCode(status)
	_, _ = ctx.Write(nil)
}

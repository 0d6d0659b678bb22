package socketio

import (
	"net/http"
	"sync"

	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// orderly is a polling transport that loses no polls. The library's tidies up after a
// poll when its answer is already on the way, and would then forget the next one,
// which the client may have sent by now: nobody would answer it. So that one waits.
type orderly struct {
	transports.Polling

	mu   sync.Mutex
	last *turn
}

// turn is one poll.
type turn struct {
	ctx  *types.HttpContext
	over chan struct{} // closed when the library is done with it
}

// OnRequest takes a request of the client.
func (p *orderly) OnRequest(ctx *types.HttpContext) {
	if ctx.Method() == http.MethodGet && !p.follow(ctx) {
		return
	}
	p.Polling.OnRequest(ctx)
}

// follow waits for the library to be done with the last poll, if that has been
// answered. If it has not, there are two at once, which the library refuses. It
// reports whether the client is still there.
func (p *orderly) follow(ctx *types.HttpContext) bool {
	next := &turn{ctx: ctx, over: make(chan struct{})}
	_ = ctx.Once("close", func(...any) { p.ended(next) })
	p.mu.Lock()
	last := p.last
	p.last = next
	p.mu.Unlock()
	if last == nil || !last.ctx.IsDone() {
		return true
	}
	select {
	case <-last.over:
		return true
	case <-ctx.Context().Done():
		return false
	}
}

func (p *orderly) ended(done *turn) {
	close(done.over)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == done {
		p.last = nil // it need not be kept until the next one
	}
}

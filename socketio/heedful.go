package socketio

import (
	"sync/atomic"

	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// heedful is a polling transport that hears all who close it. When a client is
// upgraded, its engine socket closes the polling transport a moment before it takes
// the other one. Whoever closes the socket in that moment does so by closing the
// polling transport, too. The library's heeds only the first: the socket would stay
// open, with a server that has closed.
type heedful struct {
	transports.Polling
	left atomic.Bool // the socket has no more use for it
}

// Close closes the transport, and then the socket if somebody asks for that: with
// a function, which the socket heeds once however often it is called.
func (p *heedful) Close(fn ...types.Callable) {
	if len(fn) == 0 || fn[0] == nil {
		p.left.Store(true)
		p.Polling.Close()
		return
	}
	p.Polling.Close(fn...)
	if p.left.Load() {
		fn[0]()
	}
}

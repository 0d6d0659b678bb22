package polling

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/inflow"
	"github.com/socketmesh/mesh/socketio/internal/sendqueue"
)

// Transport is one client that polls.
type Transport struct {
	transports.Polling // the library's transport
	env                *Env
	jsonp              bool
	begun              atomic.Bool   // the first request has come
	first              chan struct{} // closed when the first request is answered

	account *sendqueue.Account // counts what waits for the client; nil: there is no limit
	remote  string             // the client's address

	flow atomic.Pointer[inflow.Flow] // nil: the client is never held back

	reprieve *inflow.Reprieve // nil until there is a ping

	mu       sync.Mutex
	poll     *poll              // the open poll, which is answered with the next packets
	offered  *poll              // that poll while the engine socket is being asked for packets for it; else nil
	writing  *types.HttpContext // the poll whose answer is being written
	hurried  bool               // writing has a deadline
	slow     bool               // the client was disconnected because it was slow
	posting  *types.HttpContext
	received bool   // the whole body of posting has arrived
	ending   func() // called after the next poll is answered with CLOSE, while the transport waits for it
	timer    *time.Timer
	left     bool // it was closed without fn, because the client was upgraded
	closed   bool
	over     chan struct{} // closed when the transport closes, for a request in awaitRoom; nil if there is none
	status   int           // the status with which an open poll is refused; 0: it is answered
}

var _ transports.Polling = (*Transport)(nil)

// OnPacket passes on a packet that was received.
func (t *Transport) OnPacket(p *packet.Packet) {
	if f := t.flow.Load(); f != nil && p.Type == packet.PONG {
		f.Ping.Answered()
	}
	t.Polling.OnPacket(p)
}

// The states of a transport, as the library has them.
const (
	stateOpen    = "open"
	stateClosing = "closing"
	stateClosed  = "closed"
)

func newTransport(library transports.Polling, env *Env, ctx *types.HttpContext) *Transport {
	t := &Transport{Polling: library, env: env, jsonp: ctx.Query().Has("j"), remote: ctx.Request().RemoteAddr, first: make(chan struct{})}
	if env.Accounts != nil {
		t.account = env.Accounts.OpenAccount(t.tooSlow)
	}
	_ = library.On("headers", t.emitHeaders)
	return t
}

// On adds listeners, except the engine's own listener of "headers": that writes a cookie
// without a value, into every answer of the session. [Transport.emitHeaders] does its work.
// The engine's listener is recognized by being added before the first request.
func (t *Transport) On(name types.EventName, fns ...types.EventListener) error {
	if name == "headers" && !t.begun.Load() {
		return nil
	}
	return t.Polling.On(name, fns...)
}

// FirstAnswered is closed when the client's first request is answered, or the client has
// gone: nothing is written to that request any more.
func (t *Transport) FirstAnswered() <-chan struct{} { return t.first }

// OnRequest handles a request of the client, and returns when it is answered. The first
// request is answered by its own goroutine.
func (t *Transport) OnRequest(ctx *types.HttpContext) {
	if !t.begun.Swap(true) {
		p := t.open(ctx)
		if p == nil {
			close(t.first)
			return
		}
		go func() {
			defer close(t.first)
			t.answer(p)
		}()
		return
	}
	switch ctx.Method() {
	case http.MethodGet:
		if p := t.open(ctx); p != nil {
			t.answer(p)
		}
	case http.MethodPost:
		t.post(ctx)
	default:
		refuse(ctx, http.StatusInternalServerError)
	}
}

// Writable reports whether a poll is open.
func (t *Transport) Writable() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.poll != nil
}

// SetWritable has no effect: a transport is writable if a poll is open.
func (t *Transport) SetWritable(bool) {}

// Send answers the open poll with packets. If its client has just gone, the engine socket
// learns that from the poll's end.
func (t *Transport) Send(packets []*packet.Packet) {
	t.mu.Lock()
	p := t.take()
	var ending func()
	if p != nil {
		ending, t.ending = t.ending, nil
	}
	t.mu.Unlock()
	if p == nil {
		return
	}
	a := answer{then: ending}
	if slices.ContainsFunc(packets, isPing) {
		if f := t.flow.Load(); f != nil {
			f.Ping.Sent()
		}
		a.delay = t.env.PingDelay
		t.watchPong()
	}
	if ending != nil {
		packets = append(slices.Clip(packets), &packet.Packet{Type: packet.CLOSE})
	}
	a.messages, a.bytes = t.sending(packets)
	a.data, a.compress = t.encode(packets)
	p.answer <- a
}

func isPing(p *packet.Packet) bool { return p.Type == packet.PING }

// encode makes one payload of packets, and reports whether it may be compressed.
func (t *Transport) encode(packets []*packet.Packet) (types.BufferInterface, bool) {
	var binary []bool
	if t.Protocol() == 3 {
		binary = []bool{t.SupportsBinary()}
	}
	data, _ := t.Parser().EncodePayload(packets, binary...)
	return data, slices.ContainsFunc(packets, func(p *packet.Packet) bool {
		return p.Options != nil && p.Options.Compress != nil && *p.Options.Compress
	})
}

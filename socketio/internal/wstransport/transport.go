package wstransport

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/parsers/engine/v3/parser"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/queue"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/internal/wsframe"
	"github.com/socketmesh/mesh/socketio/internal/emitter"
	"github.com/socketmesh/mesh/socketio/internal/inflow"
	"github.com/socketmesh/mesh/socketio/internal/netpoll"
	"github.com/socketmesh/mesh/socketio/internal/sendqueue"
	"github.com/socketmesh/mesh/socketio/internal/timingwheel"
)

// Receiver is an engine socket that the transport calls directly, instead of emitting
// events.
type Receiver interface {
	// Packet is called for each received packet. Calls do not overlap.
	Packet(*packet.Packet)
	// Failed is called when the connection broke.
	Failed(error)
	// Closed is called when the transport has closed, for whatever reason.
	Closed()
}

// Transport is one connection.
type Transport struct {
	emitter.Emitter
	shared   *Shared
	receiver Receiver // nil: the transport emits events
	queue    *sendqueue.Queue

	sid         string
	parser      parser.Parser
	binary      bool // else attachments are sent as base64
	deflates    bool
	deflate     *types.PerMessageDeflate // the server's option
	compression *types.HttpCompression
	state       atomic.Pointer[string]
	discarded   atomic.Bool
	live        atomic.Bool // see [Transport.Deliver]

	mu      sync.Mutex
	parts   []*sendqueue.Frame // parts of a packet with attachments that is not complete
	need    int                // how many parts are missing
	joining []string           // namespaces whose CONNECT was received here and is not answered
	started bool
	broken  error // what ended the connection

	drainMu sync.Mutex   // taken under the queue's lock, unlike mu
	drains  *queue.Queue // of "drain" events; nil until there is one

	// For reading; only the reader uses them.
	conn   net.Conn
	raw    syscall.RawConn // nil if it is not possible to wait without a buffer
	small  []byte          // the buffer in that case
	frames wsframe.Reader

	flow   atomic.Pointer[inflow.Flow] // nil: the client is never held back
	parked atomic.Bool                 // the client is held back, and no goroutine reads
	beat   *time.Timer                 // while the client is held back; guarded by mu

	reprieve *inflow.Reprieve // for pings of the library's engine socket; nil until there is one

	registration netpoll.Registration
	idle         time.Duration     // how long the client may be silent; 0: for ever
	timer        timingwheel.Timer // the timer of idle, while the poller watches the connection
	heard        atomic.Int64      // when the client was last heard, in nanoseconds since the clock was made
}

var _ transports.Websocket = (*Transport)(nil)

// States of a transport, as the library has them.
var (
	stateOpen    = "open"
	stateClosing = "closing"
	stateClosed  = "closed"
)

// New makes a transport of an accepted connection. It does not read before
// [Transport.Start].
func New(shared *Shared, conn Conn, ctx *types.HttpContext, receiver Receiver) *Transport {
	t := &Transport{shared: shared, receiver: receiver, conn: conn.NetConn(), idle: ctx.IdleTimeout, deflates: conn.Deflate}
	t.frames.Deflate = conn.Deflate
	t.state.Store(&stateOpen)
	t.Construct(ctx)
	t.queue = shared.Scheduler.NewQueue(t.conn, t)
	t.raw = rawConn(t.conn)
	t.timer.Handler = t
	if receiver != nil && t.Protocol() == 3 {
		t.joining = []string{"/"} // a client of revision 3 joins the main namespace without a CONNECT
	}
	return t
}

// Construct reads the protocol's revision from the request.
func (t *Transport) Construct(ctx *types.HttpContext) {
	t.parser = parser.Parserv3()
	if revision, ok := ctx.Query().Get("EIO"); ok && revision == "4" {
		t.parser = parser.Parserv4()
	}
	t.binary = !ctx.Query().Has("b64")
}

// LimitMessages refuses longer messages of the client; 0: there is no limit.
func (t *Transport) LimitMessages(bytes int64) { t.frames.Limit = bytes }

func (t *Transport) Name() string                                    { return transports.WEBSOCKET }
func (t *Transport) HandlesUpgrades() bool                           { return true }
func (t *Transport) Prototype(transports.Transport)                  {}
func (t *Transport) Proto() transports.Transport                     { return t }
func (t *Transport) Sid() string                                     { return t.sid }
func (t *Transport) SetSid(sid string)                               { t.sid = sid }
func (t *Transport) SetWritable(bool)                                {}
func (t *Transport) Protocol() int                                   { return t.parser.Protocol() }
func (t *Transport) Discard()                                        { t.discarded.Store(true) }
func (t *Transport) Discarded() bool                                 { return t.discarded.Load() }
func (t *Transport) Parser() parser.Parser                           { return t.parser }
func (t *Transport) SupportsBinary() bool                            { return t.binary }
func (t *Transport) SetSupportsBinary(supports bool)                 { t.binary = supports }
func (t *Transport) ReadyState() string                              { return *t.state.Load() }
func (t *Transport) HttpCompression() *types.HttpCompression         { return t.compression }
func (t *Transport) SetHttpCompression(c *types.HttpCompression)     { t.compression = c }
func (t *Transport) PerMessageDeflate() *types.PerMessageDeflate     { return t.deflate }
func (t *Transport) MaxHttpBufferSize() int64                        { return t.frames.Limit }
func (t *Transport) SetMaxHttpBufferSize(int64)                      {}
func (t *Transport) OnRequest(*types.HttpContext)                    {}
func (t *Transport) SetPerMessageDeflate(d *types.PerMessageDeflate) { t.deflate = d }

// SetReadyState sets one of the library's states.
func (t *Transport) SetReadyState(state string) {
	switch state {
	case stateOpen:
		t.state.Store(&stateOpen)
	case stateClosing:
		t.state.Store(&stateClosing)
	case stateClosed:
		t.state.Store(&stateClosed)
	default:
		t.state.Store(&state)
	}
}

// Writable tells the library whether the transport takes packets: always, because otherwise
// the library would keep them back. An engine socket of ours, package session, asks only
// for volatile packets, which are not for a client that is behind.
func (t *Transport) Writable() bool {
	return t.receiver == nil || !t.queue.Behind()
}

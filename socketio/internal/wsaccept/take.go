package wsaccept

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/wstransport"
)

// An acceptor opens with the first client. The library has its request by then. If it asks
// what AllowRequest says, the acceptor answers the request, with which the library ends.
// Else it has accepted the client, and is about to make a transport for it: the acceptor
// takes such a client over, and gives the library a transport that is closed, with which
// it gives up.

// Answer answers a request that has come past the engine's middlewares, in the place of
// the library. On return it is done.
func (d *Acceptor) Answer(ctx *types.HttpContext) {
	own := types.NewHttpContext(ctx.Response(), ctx.Request())
	own.Query().Replace(ctx.Query().All())
	own.ResponseHeaders().With(ctx.ResponseHeaders().All())
	if ticket, ok := d.await(own); ok {
		d.handle(own, ticket)
	}
	ctx.Flush()
}

// Take takes a client over that the library has accepted. On return the library can
// do to the request what it likes: the client is not reached. If nil is returned,
// the client is still the library's.
func (d *Acceptor) Take(ctx *types.HttpContext) transports.Transport {
	t := &taken{Transport: transports.NewTransport(ctx), name: ctx.Query().Peek("transport")}
	switch {
	case ctx.Query().Has("sid"):
		return nil // one that began with polling, and so after the acceptor was opened
	case ctx.Websocket == nil:
		d.greet(ctx, nil)
		return t
	}
	nobody, err := unconnected(ctx.Request())
	if err != nil {
		return nil
	}
	own := types.NewHttpContext(ctx.Response(), ctx.Request())
	own.Query().Replace(ctx.Query().All())
	own.Websocket = &types.WebSocketConn{EventEmitter: types.NewEventEmitter(), Conn: ctx.Websocket.Conn}
	own.IdleTimeout = d.engine.Opts().IdleTimeout()
	ctx.Websocket.Conn = nobody
	d.enter(wstransport.Conn{
		WebSocketConn: own.Websocket,
		Deflate:       d.engine.Opts().PerMessageDeflate() != nil && Deflates(ctx.Request().Header),
	}, own, nil)
	return t
}

// Taken tells whether a transport is that of a client which was taken over.
func Taken(t transports.Transport) bool {
	_, ok := t.(*taken)
	return ok
}

// Greets tells whether the acceptor itself has asked the library for the transport of a
// request.
func Greets(ctx *types.HttpContext) bool {
	_, ok := ctx.Response().(*response)
	return ok
}

// taken is the closed transport. The library looks at its name and its state.
type taken struct {
	transports.Transport
	name string
}

func (t *taken) Name() string     { return t.name }
func (*taken) ReadyState() string { return "closed" }
func (*taken) Writable() bool     { return false }

func (*taken) Close(fn ...types.Callable) {
	if len(fn) > 0 && fn[0] != nil {
		fn[0]()
	}
}

// unconnected is a WebSocket connection to nobody: the library closes what it has
// accepted and cannot use.
func unconnected(r *http.Request) (*websocket.Conn, error) {
	upgrader := websocket.Upgrader{ReadBufferSize: 1, WriteBufferSize: 1, CheckOrigin: func(*http.Request) bool { return true }}
	return upgrader.Upgrade(nowhere{}, r, nil)
}

// nowhere is such a connection, and the response that leads to it.
type nowhere struct{}

var (
	_ http.Hijacker = nowhere{}
	_ net.Conn      = nowhere{}
)

func (nowhere) Header() http.Header { return http.Header{} }
func (nowhere) WriteHeader(int)     {}
func (n nowhere) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return n, bufio.NewReadWriter(bufio.NewReaderSize(n, 16), bufio.NewWriterSize(n, 16)), nil
}

func (nowhere) Read([]byte) (int, error)         { return 0, io.EOF }
func (nowhere) Write(b []byte) (int, error)      { return len(b), nil }
func (nowhere) Close() error                     { return nil }
func (nowhere) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (nowhere) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (nowhere) SetDeadline(time.Time) error      { return nil }
func (nowhere) SetReadDeadline(time.Time) error  { return nil }
func (nowhere) SetWriteDeadline(time.Time) error { return nil }

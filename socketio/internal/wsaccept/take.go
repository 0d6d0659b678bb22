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

// An acceptor opens with the first client, whose request the library has by then. If the
// library calls AllowRequest, the acceptor answers the request there, and the library
// stops. Otherwise the library has accepted the client, and is about to make a transport
// for it: the acceptor takes the client over, and gives the library a closed transport,
// with which it gives up.

// Answer answers a request that has passed the engine's middlewares, instead of the
// library. On return the request is answered.
func (d *Acceptor) Answer(ctx *types.HttpContext) {
	own := types.NewHttpContext(ctx.Response(), ctx.Request())
	own.Query().Replace(ctx.Query().All())
	own.ResponseHeaders().With(ctx.ResponseHeaders().All())
	if ticket, ok := d.await(own); ok {
		d.handle(own, ticket)
	}
	ctx.Flush()
}

// Take takes over a client that the library has accepted. What the library does to the
// request after that does not reach the client. If Take returns nil, the client stays with
// the library.
func (d *Acceptor) Take(ctx *types.HttpContext) transports.Transport {
	t := &taken{Transport: transports.NewTransport(ctx), name: ctx.Query().Peek("transport")}
	switch {
	case ctx.Query().Has("sid"):
		return nil // it began with polling, and so after the acceptor was opened
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

// Taken reports whether a transport belongs to a client that was taken over.
func Taken(t transports.Transport) bool {
	_, ok := t.(*taken)
	return ok
}

// Greets reports whether the acceptor itself has asked the library for the transport of a
// request.
func Greets(ctx *types.HttpContext) bool {
	_, ok := ctx.Response().(*response)
	return ok
}

// taken is the closed transport. The library reads its name and its state.
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

// unconnected returns a WebSocket connection without a client: the library closes a
// connection that it has accepted and cannot use.
func unconnected(r *http.Request) (*websocket.Conn, error) {
	upgrader := websocket.Upgrader{ReadBufferSize: 1, WriteBufferSize: 1, CheckOrigin: func(*http.Request) bool { return true }}
	return upgrader.Upgrade(nowhere{}, r, nil)
}

// nowhere is the network connection below it, and the response that it is made from.
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

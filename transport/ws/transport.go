package ws

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/peertls"
)

var (
	_ core.Transport = (*Transport)(nil)
	_ core.Schemer   = (*Transport)(nil)
)

// The defaults of a transport.
const (
	DefaultMaxFrame         = 100 << 20 // bytes, as the reference
	DefaultHandshakeTimeout = 10 * time.Second
	DefaultCloseTimeout     = time.Second
)

// The header by which acceptors tell that they are Go nodes. Its value is the
// newest version of this transport that the acceptor knows.
const (
	protocolHeader  = "Socketmesh-Protocol"
	protocolVersion = "1"
)

// Options are what a transport can be told. Zero values mean the defaults.
type Options struct {
	// MaxFrame bounds a received frame, in bytes. A larger one ends its
	// connection with close code 1009. Default 100 MiB.
	MaxFrame int
	// HandshakeTimeout bounds the time a connection may take to ask for the
	// upgrade. Dials are bounded by their context. Default 10 s.
	HandshakeTimeout time.Duration
	// CloseTimeout bounds what Close waits for a peer that does not answer.
	// Default 1 s.
	CloseTimeout time.Duration
	// TLS secures links. With a certificate in it, listeners speak TLS and nothing
	// else. With ClientCAs, those who dial them must show a certificate that one of
	// these has signed. A dialled wss:// address must have a certificate signed by
	// one of RootCAs, for its host; with ServerName, certificates of both ends must
	// be for that name instead. Protocols are set here. Default: listeners without
	// TLS, and the system's authorities for wss:// addresses.
	TLS *tls.Config
	// RootCAs, if not nil, is asked at each dial, in place of TLS.RootCAs: for
	// authorities that change.
	RootCAs func() *x509.CertPool
	// Secure insists on TLS: no other address is dialled, and nothing is listened
	// to without a certificate. The transport's name is "wss" then.
	Secure bool
	// Logger gets what an operator should know. Default: discards.
	Logger *slog.Logger
}

// Transport dials and listens for WebSockets.
type Transport struct {
	options Options                  // with the defaults filled in
	mounted atomic.Pointer[acceptor] // that the handler serves; nil if nobody listens
}

// New returns a transport.
func New(options Options) *Transport {
	if options.MaxFrame <= 0 {
		options.MaxFrame = DefaultMaxFrame
	}
	if options.HandshakeTimeout <= 0 {
		options.HandshakeTimeout = DefaultHandshakeTimeout
	}
	if options.CloseTimeout <= 0 {
		options.CloseTimeout = DefaultCloseTimeout
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	return &Transport{options: options}
}

// Name is "ws", or "wss" for one that insists on TLS.
func (t *Transport) Name() string {
	if t.options.Secure {
		return "wss"
	}
	return "ws"
}

// Schemes are those of the addresses that can be dialled.
func (t *Transport) Schemes() []string {
	if t.options.Secure {
		return []string{"wss"}
	}
	return []string{"ws", "wss"}
}

// scheme is that of addresses without one.
func (t *Transport) scheme() string {
	if t.options.Secure || peertls.CanServe(t.options.TLS) {
		return "wss"
	}
	return "ws"
}

// Listen accepts WebSockets at a TCP address, as ":4000", or at [HandlerAddr].
// Listener.Addr is that address with the real port, without a scheme.
func (t *Transport) Listen(ctx context.Context, addr string) (core.Listener, error) {
	if addr == HandlerAddr {
		l, err := t.listenMounted(ctx)
		if err != nil {
			return nil, fmt.Errorf("ws: listen at handler: %w", err)
		}
		return l, nil
	}
	secured, err := t.serverTLS()
	if err != nil {
		return nil, fmt.Errorf("ws: listen at %s: %w", addr, err)
	}
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("ws: listen at %s: %w", addr, err)
	}
	a := newAcceptor(&t.options)
	l := &listener{acceptor: a, socket: gates{socket, a, secured}}
	l.server = &http.Server{
		Handler:           a,
		ReadHeaderTimeout: t.options.HandshakeTimeout,
		ReadTimeout:       t.options.HandshakeTimeout,
		WriteTimeout:      t.options.HandshakeTimeout,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(t.options.Logger.Handler(), slog.LevelDebug),
	}
	l.server.SetKeepAlivesEnabled(false)
	l.serving.Go(l.serve)
	return l, nil
}

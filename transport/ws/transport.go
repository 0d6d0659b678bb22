package ws

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/socketmesh/mesh/core"
)

var _ core.Transport = (*Transport)(nil)

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
	// TLS is for dialling wss:// addresses. Default: the system's certificates.
	TLS *tls.Config
	// Logger gets what an operator should know. Default: discards.
	Logger *slog.Logger
}

// Transport dials and listens for WebSockets.
type Transport struct {
	options Options // with the defaults filled in
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

// Name is "ws".
func (*Transport) Name() string { return "ws" }

// Listen accepts WebSockets at a TCP address, as ":4000". Listener.Addr is that
// address with the real port, without a scheme.
func (t *Transport) Listen(ctx context.Context, addr string) (core.Listener, error) {
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("ws: listen at %s: %w", addr, err)
	}
	l := &listener{
		acceptor: newAcceptor(&t.options),
		socket:   socket,
	}
	l.server = &http.Server{
		Handler:           l.acceptor,
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

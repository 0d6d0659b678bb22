package ws

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/peertls"
	"github.com/socketmesh/mesh/internal/pendingset"
)

var (
	_ core.Transport    = (*Transport)(nil)
	_ core.Schemer      = (*Transport)(nil)
	_ core.PeerVerifier = (*Transport)(nil)
)

// The defaults of a transport.
const (
	DefaultMaxFrame         = 100 << 20 // bytes, as the reference
	DefaultHandshakeTimeout = 10 * time.Second
	DefaultCloseTimeout     = time.Second
)

// The response header that says that an acceptor is a Go node. Its value is the
// newest version of this transport that the acceptor speaks.
const (
	protocolHeader  = "Socketmesh-Protocol"
	protocolVersion = "1"
)

// Options configure a transport. Zero values mean the defaults.
type Options struct {
	// MaxFrame bounds a received frame, in bytes. A larger one ends its
	// connection with close code 1009. Default 100 MiB.
	MaxFrame int
	// HandshakeTimeout bounds the time from accepting a TCP connection to its
	// upgrade. The context of Dial bounds the dialler's side. Default 10 s. A
	// listener with a port of its own has at most 512 such connections, 128 of one
	// IP address (IPv6: /64 network): the oldest is closed for the next one.
	HandshakeTimeout time.Duration
	// CloseTimeout bounds the time that Close waits for a peer that does not answer.
	// Default 1 s.
	CloseTimeout time.Duration
	// TLS secures links. With a certificate in it, listeners speak TLS only. With
	// ClientCAs, diallers must present a certificate that one of these has signed.
	// An acceptor at a wss:// address must present one that one of RootCAs has
	// signed, for the host that was dialled; with ServerName, the certificates of
	// both ends must be for that name instead. NextProtos is set by the transport.
	// Default: listeners without TLS, and the system's authorities for wss://
	// addresses.
	TLS *tls.Config
	// RootCAs, if not nil, returns the authorities for each dial, in place of
	// TLS.RootCAs. It is for authorities that change while the process runs.
	RootCAs func() *x509.CertPool
	// Secure requires TLS: Dial refuses other addresses than wss://, and Listen
	// fails without a certificate. The transport's name is then "wss".
	Secure bool
	// Networks are the networks to which Dial may connect; other addresses fail with
	// [core.ErrForbiddenAddress]. Of a name, the resolved address counts. Default: all.
	Networks []netip.Prefix

	// Logger receives what an operator should know. Default: slog.Default().
	Logger *slog.Logger
}

// Transport dials WebSockets and listens for them.
type Transport struct {
	options Options                  // with the defaults filled in
	mounted atomic.Pointer[acceptor] // of the listener at HandlerAddr; nil if there is none
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
		options.Logger = slog.Default()
	}
	return &Transport{options: options}
}

// Name is "ws", or "wss" with Options.Secure.
func (t *Transport) Name() string {
	if t.options.Secure {
		return "wss"
	}
	return "ws"
}

// Schemes are the schemes of addresses that Dial takes.
func (t *Transport) Schemes() []string {
	if t.options.Secure {
		return []string{"wss"}
	}
	return []string{"ws", "wss"}
}

// VerifiesPeers reports whether diallers have to show a certificate, because Options.TLS
// has authorities for them.
func (t *Transport) VerifiesPeers() bool {
	c := t.options.TLS
	return c != nil && (c.ClientCAs != nil || c.ClientAuth == tls.RequireAndVerifyClientCert)
}

// scheme returns the scheme of addresses without one.
func (t *Transport) scheme() string {
	if t.options.Secure || peertls.CanServe(t.options.TLS) {
		return "wss"
	}
	return "ws"
}

// Listen accepts WebSockets at a TCP address, such as ":4000", or at [HandlerAddr].
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
	l := &listener{acceptor: a, socket: serverListener{socket, a, secured}}
	l.pending = pendingset.NewConns(pendingset.Limit, pendingset.PerSource, l.evict)
	l.server = &http.Server{
		Handler:           a,
		ConnState:         l.pending.Track,
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

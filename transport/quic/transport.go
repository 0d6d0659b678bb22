package quic

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/loglimit"
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
	DefaultKeepAlive        = 5 * time.Second
	DefaultIdleTimeout      = 10 * time.Second
	DefaultStreams          = 8
)

// maxStreams is the number of bits in a close frame's set of numbered streams.
const maxStreams = 64

// Options configure a transport. Zero values mean the defaults, but AuthToken or TLS has
// to be given.
type Options struct {
	// MaxFrame bounds a received frame, in bytes. A larger one ends its
	// connection with close code 1009. Default 100 MiB.
	MaxFrame int
	// HandshakeTimeout bounds the time of a handshake, on both sides. If the peer
	// sends nothing, the handshake fails after half of it. Default 10 s.
	HandshakeTimeout time.Duration
	// CloseTimeout bounds the time that Close waits for a peer that does not read.
	// Default 1 s.
	CloseTimeout time.Duration
	// KeepAlive is the time without packets from the peer after which it is pinged.
	// Default 5 s; never more than half of IdleTimeout.
	KeepAlive time.Duration
	// IdleTimeout is the time without packets from the peer after which the
	// connection fails. The smaller value of both ends counts. Default 10 s.
	IdleTimeout time.Duration
	// Streams is the number of streams beside the Conn's own, 1 to 64. The smaller value
	// of both ends counts. Default 8.
	Streams int

	// AuthToken is a secret that all nodes share. Without TLS, nodes authenticate each
	// other by it: the key of an authority is derived from it, by Argon2id
	// (RFC 9106; 2 passes over 19 MiB, parallelism 1, a fixed salt) and HKDF with
	// SHA-256. An attacker who has seen a certificate can try tokens, at that cost
	// for each; choose one that cannot be guessed, such as 32 random characters.
	AuthToken string
	// TLS holds this node's certificate, and the authorities that the mesh
	// trusts: RootCAs for acceptors, ClientCAs for diallers; if one is not set, the
	// other is used for both. Certificates have to allow both ends. With
	// ServerName, the certificates of both ends have to be for that name, instead
	// of an acceptor's for the host that was dialled. The transport sets the rest:
	// TLS 1.3, ALPN, client certificates required. Default: an authority derived
	// from AuthToken.
	TLS *tls.Config
	// RootCAs, if not nil, returns the authorities for each dial, in place of
	// TLS.RootCAs. It is for authorities that change while the process runs; for
	// an acceptor, TLS.GetConfigForClient does that.
	RootCAs func() *x509.CertPool

	// Networks are the networks to which Dial may connect; other addresses fail with
	// [core.ErrForbiddenAddress]. Of a name, the resolved addresses count. Default: all.
	Networks []netip.Prefix

	// Logger receives what an operator should know. Default: slog.Default().
	Logger *slog.Logger
}

// Validate returns a [*core.ConfigError] if the options are wrong. Listen and Dial
// return the same error.
func (o Options) Validate() error {
	if o.Streams < 0 || o.Streams > maxStreams {
		return &core.ConfigError{Field: "Streams", Value: o.Streams, Allowed: fmt.Sprintf("1 to %d, or 0 for %d", maxStreams, DefaultStreams)}
	}
	if o.TLS != nil {
		return validateTLS(o.TLS)
	}
	if o.AuthToken == "" {
		return &core.ConfigError{Field: "AuthToken", Value: "", Allowed: "a secret that all nodes share, or certificates in TLS: transport quic always authenticates"}
	}
	return nil
}

// withDefaults fills in what is not set.
func (o Options) withDefaults() Options {
	if o.MaxFrame <= 0 {
		o.MaxFrame = DefaultMaxFrame
	}
	if o.HandshakeTimeout <= 0 {
		o.HandshakeTimeout = DefaultHandshakeTimeout
	}
	if o.CloseTimeout <= 0 {
		o.CloseTimeout = DefaultCloseTimeout
	}
	if o.KeepAlive <= 0 {
		o.KeepAlive = DefaultKeepAlive
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = DefaultIdleTimeout
	}
	if o.Streams == 0 {
		o.Streams = DefaultStreams
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Transport dials QUIC connections and listens for them.
type Transport struct {
	options    Options                      // with the defaults filled in
	invalid    error                        // of Options.Validate
	identity   func() (*credentials, error) // derived when first needed
	warned     atomic.Bool                  // about small UDP buffers
	handshakes handshakeLimits              // of a listener
	logLimit   loglimit.Limiter             // for log lines that strangers can cause
	counters   counters
}

// New returns a transport. If [Options.Validate] fails, Listen and Dial return its
// error.
func New(options Options) *Transport {
	t := &Transport{options: options.withDefaults(), invalid: options.Validate(), handshakes: defaultHandshakeLimits}
	t.identity = sync.OnceValues(func() (*credentials, error) { return newCredentials(&t.options) })
	return t
}

// Name is "quic".
func (*Transport) Name() string { return "quic" }

// Schemes are the schemes of addresses that Dial takes.
func (*Transport) Schemes() []string { return []string{"quic"} }

// VerifiesPeers is true: both ends of a connection prove who they are, by certificates
// or by the token.
func (*Transport) VerifiesPeers() bool { return true }

// Listen accepts connections at a UDP address, as ":4000". Listener.Addr is that
// address with the real port, without a scheme.
func (t *Transport) Listen(ctx context.Context, addr string) (core.Listener, error) {
	l, err := t.listen(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("quic: listen at %s: %w", addr, err)
	}
	return l, nil
}

// credentials returns the TLS configurations, or the error of Validate.
func (t *Transport) credentials() (*credentials, error) {
	if t.invalid != nil {
		return nil, t.invalid
	}
	return t.identity()
}

package quic

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
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
	DefaultKeepAlive        = 5 * time.Second
	DefaultIdleTimeout      = 10 * time.Second
	DefaultLanes            = 8
)

// maxLanes is what the set of lanes in a goodbye has room for.
const maxLanes = 64

// Options are what a transport can be told. Zero values mean the defaults, and
// one of Token and TLS has to be given.
type Options struct {
	// MaxFrame bounds a received frame, in bytes. A larger one ends its
	// connection with close code 1009. Default 100 MiB.
	MaxFrame int
	// HandshakeTimeout bounds the time a handshake may take, on both sides; it is
	// given up after half of it if nothing is heard. Default 10 s.
	HandshakeTimeout time.Duration
	// CloseTimeout bounds what Close waits for a peer that does not take what
	// was sent. Default 1 s.
	CloseTimeout time.Duration
	// KeepAlive is how long nothing may be heard before the peer is asked for a
	// sign of life. Default 5 s; never more than half of IdleTimeout.
	KeepAlive time.Duration
	// IdleTimeout is how long nothing may be heard before the connection has
	// failed. The smaller one of both ends counts. Default 10 s.
	IdleTimeout time.Duration
	// Lanes is the number of lanes of a connection, 1 to 64. The smaller one of
	// both ends counts. Default 8.
	Lanes int

	// Token is a secret that all nodes share. Without TLS, it is what nodes know
	// each other by: the key of an authority is derived from it, by Argon2id
	// (RFC 9106; 2 passes over 19 MiB, 1 lane, a fixed salt) and HKDF with
	// SHA-256, so that who has seen a certificate and tries tokens needs time and
	// memory for each. Choose one that cannot be guessed all the same, such as 32
	// random characters.
	Token string
	// TLS holds this node's certificate, and the authorities that the mesh
	// trusts: RootCAs for acceptors, ClientCAs for diallers; either stands for
	// the other where that is not set. Certificates have to do for both ends.
	// ServerName, if set, is what acceptors' certificates have to be for, instead
	// of the host that was dialled; diallers' have to be for it, too. The rest is
	// set by the transport: TLS 1.3, ALPN, client certificates required. Default:
	// an authority derived from Token.
	TLS *tls.Config
	// RootCAs, if not nil, is asked at each dial, in place of TLS.RootCAs: for
	// authorities that change. GetConfigForClient does that for an acceptor.
	RootCAs func() *x509.CertPool

	// Logger gets what an operator should know. Default: discards.
	Logger *slog.Logger
}

// Validate tells what is wrong with the options, in a [core.ConfigError].
// Listen and Dial would tell the same.
func (o Options) Validate() error {
	if o.Lanes < 0 || o.Lanes > maxLanes {
		return &core.ConfigError{Field: "Lanes", Value: o.Lanes, Allowed: fmt.Sprintf("1 to %d, or 0 for %d", maxLanes, DefaultLanes)}
	}
	if o.TLS != nil {
		return validateTLS(o.TLS)
	}
	if o.Token == "" {
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
	if o.Lanes == 0 {
		o.Lanes = DefaultLanes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Transport dials and listens for QUIC connections.
type Transport struct {
	options    Options                      // with the defaults filled in
	invalid    error                        // what is wrong with them
	identity   func() (*credentials, error) // derived when first needed
	complained atomic.Bool                  // about small buffers
	quiet      quiet
	counters   counters
}

// New returns a transport. What [Options.Validate] finds is told by Listen and
// Dial.
func New(options Options) *Transport {
	t := &Transport{options: options.withDefaults(), invalid: options.Validate()}
	t.identity = sync.OnceValues(func() (*credentials, error) { return newCredentials(&t.options) })
	return t
}

// Name is "quic".
func (*Transport) Name() string { return "quic" }

// Schemes is what addresses to dial begin with.
func (*Transport) Schemes() []string { return []string{"quic"} }

// Listen accepts connections at a UDP address, as ":4000". Listener.Addr is that
// address with the real port, without a scheme.
func (t *Transport) Listen(ctx context.Context, addr string) (core.Listener, error) {
	l, err := t.listen(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("quic: listen at %s: %w", addr, err)
	}
	return l, nil
}

// credentials are how this node is known and how it knows others.
func (t *Transport) credentials() (*credentials, error) {
	if t.invalid != nil {
		return nil, t.invalid
	}
	return t.identity()
}

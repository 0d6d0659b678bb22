package service

import (
	"cmp"
	"crypto/tls"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/socketmesh/mesh/core"
)

// ServerOptions are what a [Server] is made of. Zero values mean the default
// named beside them.
type ServerOptions struct {
	// Listen is where Start listens. Default ":8000".
	Listen string
	// Token is what nodes have to show. Default "": no check.
	Token string
	// TLS makes Start listen for wss. Default: ws.
	TLS *tls.Config

	// PingInterval is how often each connection is pinged, and how long it has
	// to answer. Default 15 s.
	PingInterval time.Duration
	// RegisterTimeout is how long a connection may be open without a
	// registration. Default 10 s.
	RegisterTimeout time.Duration
	// WriteTimeout is how long one message may take to be sent. Default 10 s.
	WriteTimeout time.Duration

	// MaxPending bounds the connections without a registration. The oldest ones
	// give way. Default 1024.
	MaxPending int
	// MaxNodes bounds the roster. Default 4096.
	MaxNodes int
	// MaxMessage is the largest message taken, in bytes. Default 64 KiB.
	MaxMessage int

	// Logger gets what an operator should know. Default: discards.
	Logger *slog.Logger
}

// Defaults of [ServerOptions].
const (
	DefaultListen          = ":8000"
	DefaultPingInterval    = 15 * time.Second
	DefaultRegisterTimeout = 10 * time.Second
	DefaultWriteTimeout    = 10 * time.Second
	DefaultMaxPending      = 1024
	DefaultMaxNodes        = 4096
	DefaultMaxRegistration = 64 << 10
)

// The longest id and address taken, in bytes: with them a full roster of the
// default length stays below what clients take.
const (
	maxID      = 256
	maxAddress = 2048
)

// maxMalformed is how many malformed messages are ignored before a connection
// is closed.
const maxMalformed = 16

func (o ServerOptions) withDefaults() ServerOptions {
	o.Listen = cmp.Or(o.Listen, DefaultListen)
	o.PingInterval = cmp.Or(o.PingInterval, DefaultPingInterval)
	o.RegisterTimeout = cmp.Or(o.RegisterTimeout, DefaultRegisterTimeout)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, DefaultWriteTimeout)
	o.MaxPending = cmp.Or(o.MaxPending, DefaultMaxPending)
	o.MaxNodes = cmp.Or(o.MaxNodes, DefaultMaxNodes)
	o.MaxMessage = cmp.Or(o.MaxMessage, DefaultMaxRegistration)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	return o
}

// Validate returns a [*core.ConfigError] for the first option that can never
// work.
func (o ServerOptions) Validate() error {
	o = o.withDefaults()
	if !bindable(o.Listen) {
		return &core.ConfigError{Field: "Listen", Value: o.Listen, Allowed: "host:port or :port"}
	}
	return firstError(
		positive("PingInterval", o.PingInterval),
		positive("RegisterTimeout", o.RegisterTimeout),
		positive("WriteTimeout", o.WriteTimeout),
		positive("MaxPending", o.MaxPending),
		positive("MaxNodes", o.MaxNodes),
		positive("MaxMessage", o.MaxMessage),
	)
}

// bindable tells whether address is host:port, where the host may be empty and
// the port 0.
func bindable(address string) bool {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

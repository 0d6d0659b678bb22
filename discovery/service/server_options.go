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

// ServerOptions configure a [Server]. Zero values mean the defaults.
type ServerOptions struct {
	// Listen is the address at which Start listens. Default ":8000".
	Listen string
	// AuthToken is the secret that nodes have to prove or send. Default "": none is
	// required.
	AuthToken string
	// Tokens, if not nil, replaces AuthToken, for tokens that change while the service
	// runs: all that it returns are accepted. It is called for each registration, by
	// several goroutines concurrently. If it returns none, every node is refused.
	Tokens func() []string
	// TLS makes Start listen for wss://. Default: ws://.
	TLS *tls.Config

	// PingInterval is the time between two pings, and the time that a node has to
	// answer one. Default 15 s.
	PingInterval time.Duration
	// RegisterTimeout bounds the time that a connection may be open without a
	// registration. Default 10 s.
	RegisterTimeout time.Duration
	// WriteTimeout bounds the time to send one message. Default 10 s.
	WriteTimeout time.Duration

	// UpdateWindow is how long a change of the roster may wait, so that all changes in
	// this time are sent in one message. A single change is sent at once. Default 100 ms.
	UpdateWindow time.Duration

	// MaxPending bounds the connections without a registration. A new one replaces
	// the oldest. Default 1024.
	MaxPending int
	// MaxNodes bounds the roster. Default 4096.
	MaxNodes int
	// MaxPerSource bounds the connections of one IP address, registered or not. Nodes
	// behind one proxy share an address. Default 1024.
	MaxPerSource int
	// MaxMessage bounds a received message, in bytes. Default 64 KiB.
	MaxMessage int

	// Logger receives what an operator should know. Default: slog.Default().
	Logger *slog.Logger
}

// Defaults of [ServerOptions].
const (
	DefaultListen          = ":8000"
	DefaultPingInterval    = 15 * time.Second
	DefaultRegisterTimeout = 10 * time.Second
	DefaultWriteTimeout    = 10 * time.Second
	DefaultUpdateWindow    = 100 * time.Millisecond
	DefaultMaxPending      = 1024
	DefaultMaxNodes        = 4096
	DefaultMaxPerSource    = 1024
	DefaultMaxRegistration = 64 << 10
)

// The longest id and address of a node, in bytes: with these, a full roster of the
// default size stays below the limit of clients, DefaultMaxMessage.
const (
	maxID      = 256
	maxAddress = 2048
)

// maxMalformed is the number of malformed messages at which a connection is closed.
const maxMalformed = 16

func (o ServerOptions) withDefaults() ServerOptions {
	o.Listen = cmp.Or(o.Listen, DefaultListen)
	o.PingInterval = cmp.Or(o.PingInterval, DefaultPingInterval)
	o.RegisterTimeout = cmp.Or(o.RegisterTimeout, DefaultRegisterTimeout)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, DefaultWriteTimeout)
	o.UpdateWindow = cmp.Or(o.UpdateWindow, DefaultUpdateWindow)
	o.MaxPending = cmp.Or(o.MaxPending, DefaultMaxPending)
	o.MaxNodes = cmp.Or(o.MaxNodes, DefaultMaxNodes)
	o.MaxPerSource = cmp.Or(o.MaxPerSource, DefaultMaxPerSource)
	o.MaxMessage = cmp.Or(o.MaxMessage, DefaultMaxRegistration)
	o.Logger = cmp.Or(o.Logger, slog.Default())
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
		positive("UpdateWindow", o.UpdateWindow),
		positive("MaxPending", o.MaxPending),
		positive("MaxNodes", o.MaxNodes),
		positive("MaxPerSource", o.MaxPerSource),
		positive("MaxMessage", o.MaxMessage),
	)
}

// bindable reports whether address is host:port, where the host may be empty and
// the port 0.
func bindable(address string) bool {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

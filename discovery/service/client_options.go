package service

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/commas"
)

// ClientOptions configure a [Client]. Zero values mean the defaults.
type ClientOptions struct {
	// URL is the address of the service, ws:// or wss://. Several, separated by commas,
	// are replicas: the node registers with each of them. Default "ws://localhost:8000".
	URL string
	// AuthToken is the secret that the service requires. If the service asks for a proof,
	// the token itself is not sent: see RefusePlainToken. Default: none.
	AuthToken string
	// Tokens, if not nil, replaces AuthToken, for tokens that change while the node runs:
	// the first one is used. It is called for each connection.
	Tokens func() []string
	// RefusePlainToken forbids sending the token itself. A service of this module asks
	// for a proof of it instead. A service of the reference, or of an earlier version,
	// then gets no token, and refuses the node if it requires one. Default: the token may
	// be sent.
	RefusePlainToken bool
	// AllowTLSProxies allows proxies before the service that end TLS and open it anew.
	// Default: the service refuses the node there.
	AllowTLSProxies bool
	// TLS is for wss:// addresses. Default: the system's authorities.
	TLS *tls.Config
	// RootCAs, if not nil, returns the authorities for each attempt, in place of
	// TLS.RootCAs. It is for authorities that change while the process runs.
	RootCAs func() *x509.CertPool

	// RedialMin and RedialMax bound the delay between two attempts, which
	// doubles from one to the next and starts again after an update. Default
	// 100 ms and 30 s.
	RedialMin, RedialMax time.Duration
	// DialTimeout bounds the time of an attempt. Default 10 s.
	DialTimeout time.Duration
	// PingTimeout is the time without messages and pings after which the connection
	// counts as failed. The service pings every 15 s. Default 40 s.
	PingTimeout time.Duration

	// EntryTTL is how long a server stays in the roster that no replica lists any more,
	// although none has said that it left: replicas that come back empty get this time
	// until the servers have registered again. Default 2 min.
	EntryTTL time.Duration

	// MaxMessage limits a received message, in bytes. Default 16 MiB.
	MaxMessage int
	// MaxPeers bounds a received roster. Default 65,536.
	MaxPeers int

	// Logger receives what an operator should know. Default: slog.Default().
	Logger *slog.Logger
}

// Defaults of [ClientOptions] and [ServerOptions].
const (
	DefaultURL         = "ws://localhost:8000"
	DefaultRedialMin   = 100 * time.Millisecond
	DefaultRedialMax   = 30 * time.Second
	DefaultDialTimeout = 10 * time.Second
	DefaultPingTimeout = 40 * time.Second
	DefaultEntryTTL    = 2 * time.Minute
	DefaultMaxMessage  = 16 << 20
	DefaultMaxPeers    = 1 << 16
)

func (o ClientOptions) withDefaults() ClientOptions {
	o.URL = cmp.Or(o.URL, DefaultURL)
	o.RedialMin = cmp.Or(o.RedialMin, DefaultRedialMin)
	o.RedialMax = cmp.Or(o.RedialMax, max(o.RedialMin, DefaultRedialMax))
	o.DialTimeout = cmp.Or(o.DialTimeout, DefaultDialTimeout)
	o.PingTimeout = cmp.Or(o.PingTimeout, DefaultPingTimeout)
	o.EntryTTL = cmp.Or(o.EntryTTL, DefaultEntryTTL)
	o.MaxMessage = cmp.Or(o.MaxMessage, DefaultMaxMessage)
	o.MaxPeers = cmp.Or(o.MaxPeers, DefaultMaxPeers)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

// Validate returns a [*core.ConfigError] for the first option that can never
// work.
func (o ClientOptions) Validate() error {
	o = o.withDefaults()
	if err := validateURL(o.URL); err != nil {
		return err
	}
	if o.RedialMax < o.RedialMin {
		return &core.ConfigError{Field: "RedialMax", Value: o.RedialMax, Allowed: "RedialMin or more"}
	}
	return firstError(
		positive("RedialMin", o.RedialMin),
		positive("DialTimeout", o.DialTimeout),
		positive("PingTimeout", o.PingTimeout),
		positive("EntryTTL", o.EntryTTL),
		positive("MaxMessage", o.MaxMessage),
		positive("MaxPeers", o.MaxPeers),
	)
}

// validateURL returns an error unless the list has valid addresses of replicas, each
// once.
func validateURL(list string) error {
	const allowed = "ws://host:port or wss://host:port, or several, separated by commas"
	urls := commas.Split(list)
	for i, url := range urls {
		if !reachable(url) {
			return &core.ConfigError{Field: "URL", Value: redacted(url), Allowed: allowed}
		}
		if slices.Contains(urls[:i], url) {
			return &core.ConfigError{Field: "URL", Value: redacted(url), Allowed: "each replica once"}
		}
	}
	if len(urls) == 0 || len(urls) > maxReplicas {
		return &core.ConfigError{Field: "URL", Value: fmt.Sprintf("%d addresses", len(urls)), Allowed: fmt.Sprintf("1 to %d addresses", maxReplicas)}
	}
	return nil
}

// reachable reports whether a WebSocket can be opened to address.
func reachable(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Hostname() != "" && u.User == nil && (u.Scheme == "ws" || u.Scheme == "wss")
}

// redacted returns an address without the password that may be in it.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an invalid address"
	}
	return u.Redacted()
}

// positive returns an error for a negative value; 0 has become the default.
func positive[T int | time.Duration](field string, value T) error {
	if value > 0 {
		return nil
	}
	return &core.ConfigError{Field: field, Value: value, Allowed: "more than 0, or 0 for the default"}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

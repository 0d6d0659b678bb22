package ops

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Options say what a [Handler] offers, and to which requests. The zero value is
// read-only, and open to everybody who can reach it.
type Options struct {
	// Tokens returns secrets, any of which lets a request in, as the header
	// "Authorization: Bearer …". It is called for each request, concurrently, so that
	// secrets can change; while it returns none, every token is wrong. Health checks need
	// no token. Default: no check.
	Tokens func() []string
	// VerifyClient checks the certificate that a client has shown, as an alternative to
	// the token; the error says why it is refused. Default: certificates let nobody in.
	VerifyClient func(*tls.ConnectionState) error
	// ProtectHealth requires token or certificate for health checks, too.
	ProtectHealth bool

	// Writable allows POST requests, which emit events and drain this node or other nodes
	// that are writable. Default: they are refused.
	Writable bool
	// Pprof serves profiles of the process.
	Pprof bool
	// Metrics serves /metrics. Default: a text that says how to set it up.
	Metrics http.Handler

	// ReadyLinks is the percentage of the other servers in the roster to which a node must
	// have links to be ready. Default 50; with [NoReadyLinks] it needs none.
	ReadyLinks int
	// Timeout is how long the other nodes may take to answer. Default 3 s.
	Timeout time.Duration

	// Clients counts the node's clients. Default: the state of the node has no [Clients].
	Clients func() Clients

	// Journal has the node's log lines, for the event log of the admin page. Default: the
	// event log stays empty.
	Journal *Journal

	// Settings are shown as the configuration in force. They must not contain secrets.
	Settings map[string]string
	// Logger gets refusals and actions. Default: they are not logged.
	Logger *slog.Logger
}

// NoReadyLinks, as [Options].ReadyLinks, makes a node ready without links.
const NoReadyLinks = -1

// Defaults of [Options].
const (
	DefaultReadyLinks = 50
	DefaultTimeout    = 3 * time.Second
)

func (o Options) withDefaults() Options {
	o.ReadyLinks = cmp.Or(o.ReadyLinks, DefaultReadyLinks)
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	return o
}

// Validate returns a [*core.ConfigError] for the first option that can never work.
func (o Options) Validate() error {
	o = o.withDefaults()
	if o.Tokens != nil {
		for i, token := range o.Tokens() {
			if token == "" {
				return &core.ConfigError{Field: fmt.Sprintf("Tokens[%d]", i), Value: "", Allowed: "a secret"}
			}
		}
	}
	switch {
	case o.ReadyLinks < NoReadyLinks || o.ReadyLinks > 100:
		return &core.ConfigError{Field: "ReadyLinks", Value: o.ReadyLinks, Allowed: "percent, 1 to 100, or -1 for none"}
	case o.Timeout < time.Millisecond || o.Timeout > maxTimeout:
		return &core.ConfigError{Field: "Timeout", Value: o.Timeout, Allowed: "1ms to 25s"}
	}
	return nil
}

// maxTimeout leaves some of writeTime for writing the answer.
const maxTimeout = 25 * time.Second

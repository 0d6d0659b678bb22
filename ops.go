package mesh

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/peertls"
	"github.com/socketmesh/mesh/ops"
)

var _ ops.Source = (*Mesh)(nil)

// OpsHandler is what operators see of this server: health checks, metrics, and the state
// of the whole mesh as JSON, see package [ops]. Mount it where the application's own
// operators look, at the root of its host or port, for its paths are absolute; or let
// Config.OpsListen give it a port of its own.
//
// Requests need the token of Config.OpsToken, or a certificate by the authority of
// Config.TLS, if there is one of them; health checks need neither.
func (m *Mesh) OpsHandler() http.Handler { return m.ops.handler }

// OpsAddr is the address at which operators are served, with the real port; "" before
// Start, and without Config.OpsListen.
func (m *Mesh) OpsAddr() string { return m.ops.addr() }

// State is a snapshot of this server: where it is reached, which servers discovery
// lists, and which namespaces are open.
func (m *Mesh) State() core.NodeState { return m.node.State() }

// Namespaces are those that are open here, in no order, to look into and to act on.
func (m *Mesh) Namespaces() []core.OpenNamespace { return m.adapter.Namespaces() }

// Ask puts a question to the ops handler of another server, and waits for its answer, or
// for ctx. It is for package [ops], which knows what can be asked. Errors wrap
// [core.ErrNoServer], [core.ErrUnsupported], [core.ErrPeerLeft], or ctx's cause.
func (m *Mesh) Ask(ctx context.Context, node string, question []byte) ([]byte, error) {
	return m.node.Ask(ctx, node, question)
}

// opsOptions are those of the handler, as far as the configuration has them.
func (b *builder) opsOptions() ops.Options {
	c := b.config
	o := ops.Options{
		Writable:   c.OpsWritable,
		Pprof:      c.OpsPprof,
		ReadyLinks: c.OpsReadyLinks,
		Settings:   c.settings(),
		Logger:     b.logger,
	}
	if c.OpsToken != "" {
		o.Tokens = []string{c.OpsToken}
	} else if c.AuthToken != "" {
		o.Tokens = []string{c.AuthToken}
	}
	if b.material.asksClients() {
		config := b.material.config
		o.VerifyClient = func(state *tls.ConnectionState) error { return peertls.VerifyClient(config, state) }
	}
	return o
}

// asksClients tells whether there are authorities of clients' certificates.
func (m material) asksClients() bool {
	return m.roots != nil || m.config != nil && m.config.ClientCAs != nil
}

// settings are the fields that are set, as text, without secrets.
func (c Config) settings() map[string]string {
	settings := map[string]string{}
	addSettings(settings, "", reflect.ValueOf(c))
	return settings
}

func addSettings(settings map[string]string, prefix string, v reflect.Value) {
	for field, value := range v.Fields() {
		name := prefix + field.Name
		switch {
		case !field.IsExported() || value.IsZero():
		case strings.Contains(field.Name, "Token") && !strings.HasSuffix(field.Name, "File"):
			settings[name] = "(set)"
		case value.Kind() == reflect.Struct:
			addSettings(settings, name+".", value)
		case value.Kind() == reflect.Pointer:
			settings[name] = "(set)"
		case value.Kind() == reflect.Slice:
			settings[name] = strings.Trim(fmt.Sprint(value.Interface()), "[]")
		default:
			settings[name] = fmt.Sprint(value.Interface())
		}
	}
}

// opsServer serves operators on a port of their own, if there is to be one.
type opsServer struct {
	listen  string // "" for none
	tls     *tls.Config
	handler *ops.Handler
	log     *slog.Logger

	mu       sync.Mutex
	listener net.Listener
	http     *http.Server
	served   chan struct{} // closed when the accepting goroutine has ended
}

func (s *opsServer) addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// start listens, if there is a port to listen on.
func (s *opsServer) start(ctx context.Context) error {
	if s.listen == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return fmt.Errorf("mesh: listen for operators on %s: %w", s.listen, err)
	}
	server, served := newOpsHTTP(s.handler, s.log), make(chan struct{})
	s.listener, s.http, s.served = listener, server, served
	if s.tls != nil {
		listener = tls.NewListener(listener, opsTLS(s.tls))
	}
	go func() {
		defer close(served)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("operators are not served any more", "error", err)
		}
	}()
	s.log.Info("serving operators", "address", s.listener.Addr().String(), "tls", s.tls != nil)
	return nil
}

// newOpsHTTP bounds what clients can hold.
func newOpsHTTP(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// stop ends what it serves, when ctx ends at the latest.
func (s *opsServer) stop(ctx context.Context) {
	s.mu.Lock()
	server, served := s.http, s.served
	s.http = nil
	s.mu.Unlock()
	if server != nil {
		_ = server.Shutdown(ctx) // Close ends what is left
		server.Close()
		<-served
	}
	s.handler.Close()
}

// opsTLS serves with the certificate of the mesh. Clients may show one, which the
// handler judges.
func opsTLS(c *tls.Config) *tls.Config {
	return &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		chosen := peertls.Server(c, "http/1.1")
		if choose := chosen.GetConfigForClient; choose != nil {
			other, err := choose(hello)
			if err != nil {
				return nil, err
			}
			if other != nil {
				chosen = other
			}
		}
		chosen.GetConfigForClient, chosen.VerifyConnection = nil, nil
		chosen.ClientAuth = tls.RequestClientCert
		return chosen, nil
	}}
}

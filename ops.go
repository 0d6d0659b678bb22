package mesh

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/human"
	"github.com/socketmesh/mesh/internal/opshttp"
	"github.com/socketmesh/mesh/internal/peertls"
	"github.com/socketmesh/mesh/ops"
	"github.com/socketmesh/mesh/socketio"
)

var (
	_ ops.Source = (*Mesh)(nil)
	_ ops.Router = (*Mesh)(nil)
	_ ops.Tracer = (*Mesh)(nil)
)

// OpsHandler serves operators of this server: health checks, metrics, and the state of the
// whole mesh as JSON, see package [ops]. Mount it at the root of a host or port that
// operators can reach, because its paths are absolute; or set Config.OpsListen for a port
// of its own.
//
// Requests need the token of Config.OpsToken, or a certificate by the authority of
// Config.TLS, if either is configured; health checks need neither.
func (m *Mesh) OpsHandler() http.Handler { return m.ops.handler }

// OpsAddr is the address at which operators are served, with the real port; "" before
// Start, and without Config.OpsListen.
func (m *Mesh) OpsAddr() string { return m.ops.addr() }

// State is a snapshot of this server: its addresses, the servers that discovery lists, and
// the namespaces that are open.
func (m *Mesh) State() core.NodeState { return m.node.State() }

// Namespaces returns the namespaces that are open here, in no order, to inspect and to act
// on.
func (m *Mesh) Namespaces() []core.OpenNamespace { return m.adapter.Namespaces() }

// Ask sends a question to the ops handler of another server, and waits for its answer, or
// for ctx. It is for package [ops], which defines the questions. Errors wrap
// [core.ErrNoServer], [core.ErrUnsupported], [core.ErrPeerLeft], or ctx's cause.
func (m *Mesh) Ask(ctx context.Context, node string, question []byte) ([]byte, error) {
	return m.node.Ask(ctx, node, question)
}

// Routes says, for each server with a link or a link that may resume, whether an event of
// size bytes would be sent to it now, and why. The namespace must be open here.
func (m *Mesh) Routes(namespace string, to core.Target, size int) []core.PeerRoute {
	return m.node.Routes(namespace, to, size)
}

// Trace starts to record messages that this server sends and receives: those that match
// filter, and of its own at most rate per second. Close ends it; only a few can run at
// once.
func (m *Mesh) Trace(filter core.TraceFilter, rate int) (core.Trace, error) {
	return m.node.Trace(filter, rate)
}

// opsOptions returns the ops handler's options that the configuration determines.
func (b *builder) opsOptions(adapter *socketio.Constructor) ops.Options {
	c := b.config
	o := ops.Options{
		Writable:   c.OpsWritable,
		Pprof:      c.OpsPprof,
		ReadyLinks: c.OpsReadyLinks,
		Settings:   c.settings(),
		Logger:     b.logger,
		Journal:    b.journal,
		Clients:    func() ops.Clients { return clientsOf(adapter.ClientStats()) },
	}
	switch {
	case c.OpsToken != "":
		o.Tokens = func() []string { return []string{c.OpsToken} }
	case b.tokens != nil:
		o.Tokens = b.tokens
	case c.AuthToken != "":
		o.Tokens = func() []string { return []string{c.AuthToken} }
	}
	if config := b.material.config; peertls.AsksClients(config) {
		o.VerifyClient = func(state *tls.ConnectionState) error { return peertls.VerifyClient(config, state) }
	}
	return o
}

func clientsOf(s socketio.ClientStats) ops.Clients {
	return ops.Clients{
		WebSocket: s.WebSocket, Polling: s.Polling, Upgrading: s.Upgrading, Other: s.OtherTransports,
		Connections: uint64(s.Connections), Disconnections: uint64(s.Disconnections),
		SlowRate: uint64(s.SlowRate), SlowFull: uint64(s.SlowFull), SlowTimeout: uint64(s.SlowTimeout), SlowMemory: uint64(s.SlowMemory),
		Dropped: uint64(s.Dropped), QueuedBytes: s.Queued, QueuedLimit: s.QueuedLimit, HeldBack: s.Held,
		Entering: s.Waiting, Refused: uint64(s.Refused),
		Packets: uint64(s.PacketsIn), Frames: uint64(s.Frames), Bytes: uint64(s.Bytes),
	}
}

// settings returns the fields that are set, as text, without secrets.
func (c Config) settings() map[string]string {
	settings := map[string]string{}
	addSettings(settings, "", reflect.ValueOf(c))
	return settings
}

// isSize reports whether a field is a number of bytes.
func isSize(name string) bool {
	return strings.HasSuffix(name, "Bytes") || name == "QueueMinRate" || name == "MaxFrame"
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
		case value.Kind() == reflect.Pointer && value.Elem().Kind() == reflect.Bool:
			settings[name] = fmt.Sprint(value.Elem().Bool())
		case value.Kind() == reflect.Pointer:
			settings[name] = "(set)"
		case isSize(field.Name):
			settings[name] = human.Size(value.Int()).String()
		case value.Kind() == reflect.Slice:
			settings[name] = strings.Trim(fmt.Sprint(value.Interface()), "[]")
		default:
			settings[name] = fmt.Sprint(value.Interface())
		}
	}
}

// opsServer serves operators on a port of their own, if Config.OpsListen is set.
type opsServer struct {
	listen  string // "" for none
	tls     *tls.Config
	handler *ops.Handler
	log     *slog.Logger

	mu     sync.Mutex
	server *opshttp.Server // nil before start, and without a port
}

func (s *opsServer) running() *opshttp.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.server
}

func (s *opsServer) addr() string {
	if server := s.running(); server != nil {
		return server.Addr()
	}
	return ""
}

// start listens, if a port is configured.
func (s *opsServer) start(ctx context.Context) error {
	if s.listen == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	server, err := opshttp.Listen(ctx, s.listen, s.handler, s.tls, s.log)
	if err != nil {
		return fmt.Errorf("mesh: %w", err)
	}
	s.server = server
	return nil
}

// stop closes the server; it waits for requests until ctx ends.
func (s *opsServer) stop(ctx context.Context) {
	s.handler.Close() // ends requests that would not end by themselves: the feeds of admin pages
	if server := s.running(); server != nil {
		server.Shutdown(ctx)
	}
}

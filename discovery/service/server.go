package service

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/loglimit"
	"github.com/socketmesh/mesh/internal/peertls"
	"github.com/socketmesh/mesh/internal/pendingset"
)

// Server is a discovery service. It listens on its own port after Start, or is mounted
// as a handler on another HTTP server; Shutdown ends both. All methods are safe for
// concurrent use.
type Server struct {
	options  ServerOptions
	invalid  error // of ServerOptions.Validate
	upgrader websocket.Upgrader
	registry *registry
	pending  *pendingset.Conns
	log      *slog.Logger
	logOnce  loglimit.Limiter // for log lines that nodes and strangers can cause
	logTLS   loglimit.Limiter // by host; separate, so that neither limiter uses up the other's keys

	malformed, unauthorized, badTLS           atomic.Uint64
	refusedFull, refusedLength, refusedSource atomic.Uint64
	evicted, notices, sentBytes               atomic.Uint64

	mu       sync.Mutex
	stopped  bool
	http     *http.Server
	listener net.Listener
	served   chan struct{} // closed when the accepting goroutine has ended
}

var _ http.Handler = (*Server)(nil)

// ServerStats are the state of a [Server], and its counters since NewServer.
type ServerStats struct {
	Nodes   int // in the roster
	Pending int // connections that have not registered

	Registrations uint64 // register messages, including repeated ones of a node
	Disconnects   uint64 // registered nodes whose connection ended
	Broadcasts    uint64 // rosters that were published to all nodes, each counted once
	Sent          uint64 // bytes of rosters, changes and notices sent to nodes
	Notices       uint64 // notices to nodes that another node has the same address

	Malformed     uint64 // messages that were not valid registrations
	Unauthorized  uint64 // registrations with a wrong token, or none
	RefusedFull   uint64 // registrations while the roster had MaxNodes entries
	RefusedLength uint64 // registrations whose id or address was too long
	RefusedSource uint64 // connections from an address that had MaxPerSource already
	Evicted       uint64 // connections that were closed because more than MaxPending had not registered
	BadTLS        uint64 // connections whose handshake failed: a certificate was refused, at either end, or one end had no TLS
}

// NewServer returns a Server that does nothing yet. If [ServerOptions.Validate] returns
// an error for o, Start returns that error, and requests are answered with status 500.
func NewServer(o ServerOptions) *Server {
	o = o.withDefaults()
	s := &Server{
		options:  o,
		invalid:  o.Validate(),
		upgrader: websocket.Upgrader{HandshakeTimeout: o.WriteTimeout, ReadBufferSize: 1024, WriteBufferSize: 1024},
		registry: newRegistry(o),
		log:      o.Logger,
		logOnce:  loglimit.Limiter{Period: time.Hour, Keys: 256},
		logTLS:   loglimit.Limiter{Period: time.Hour, Keys: 256},
	}
	s.pending = pendingset.NewConns(o.MaxPending, 0, func(conn net.Conn) {
		conn.Close()
		s.evictedPending(conn.RemoteAddr().String())
	})
	return s
}

// Start listens, and returns when nodes can connect. ctx limits the call, not the
// server's life. The error is a [*core.ConfigError] for an invalid option, wraps
// [core.ErrClosed] after Shutdown, and otherwise names the address that could not be
// bound.
func (s *Server) Start(ctx context.Context) error {
	if s.invalid != nil {
		return s.invalid
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.options.Listen)
	if err != nil {
		return fmt.Errorf("discovery service: listening on %s: %w", s.options.Listen, err)
	}
	listener = tlsCheckListener{listener, s.options.TLS != nil, s.mismatched}
	if s.options.TLS != nil {
		config := s.options.TLS.Clone()
		config.NextProtos = []string{"http/1.1"} // WebSockets over HTTP/2 are not supported
		listener = tlsListener{listener, config, s.options.RegisterTimeout, s.untrusted}
	}
	if err := s.serve(listener); err != nil {
		listener.Close()
		return fmt.Errorf("discovery service: starting on %s: %w", s.options.Listen, err)
	}
	s.log.Info("discovery service listens", "address", listener.Addr().String())
	return nil
}

// serve accepts the connections of a listener until Shutdown.
func (s *Server) serve(listener net.Listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return core.ErrClosed
	}
	if s.http != nil {
		return errors.New("already started")
	}
	s.listener = listener
	s.served = make(chan struct{})
	s.http = &http.Server{
		Handler:        s,
		ConnState:      s.pending.Track,
		ReadTimeout:    s.options.RegisterTimeout, // of the request; it does not apply after the upgrade
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("discovery service stopped accepting", "error", err)
		}
	}()
	return nil
}

// Addr is the address on which the server listens, with the real port; "" before Start.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Peers are the nodes of the roster, in the order in which they registered.
func (s *Server) Peers() []core.Peer {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	return s.registry.peers()
}

// Stats returns the numbers as they are now.
func (s *Server) Stats() ServerStats {
	stats := s.registry.stats()
	stats.Sent, stats.Notices = s.sentBytes.Load(), s.notices.Load()
	stats.Malformed, stats.Unauthorized = s.malformed.Load(), s.unauthorized.Load()
	stats.RefusedFull, stats.RefusedLength, stats.RefusedSource = s.refusedFull.Load(), s.refusedLength.Load(), s.refusedSource.Load()
	stats.Evicted = s.evicted.Load()
	stats.BadTLS = s.badTLS.Load()
	return stats
}

// Shutdown stops accepting, closes every connection with 1001 discovery-shutdown, and
// returns when all connections and goroutines have ended. If ctx ends first, Shutdown
// closes the remaining connections at once, and the error wraps ctx's. Nodes get no
// updates while it stops. It may be called again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.registry.close(closeShutdown)
	s.stopAccepting()

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.registry.attached.Wait()
		s.pending.Wait()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		s.registry.abort()
		<-ended
		return fmt.Errorf("discovery service: connections cut off: %w", context.Cause(ctx))
	}
}

func (s *Server) stopAccepting() {
	s.mu.Lock()
	s.stopped = true
	server, served := s.http, s.served
	s.mu.Unlock()
	if server != nil {
		server.Close() // closes the connections that are not WebSockets yet
		<-served
	}
}

// ServeHTTP upgrades a request, whatever its path, and serves the WebSocket until it
// ends.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.invalid != nil {
		s.log.Error("discovery service cannot serve", "error", s.invalid)
		http.Error(w, "misconfigured", http.StatusInternalServerError)
		return
	}
	sub := newSubscriber(r.RemoteAddr)
	evicted, err := s.registry.attach(sub)
	switch {
	case errors.Is(err, errTooManyOfSource):
		s.refusedSource.Add(1)
		s.warn("source "+sub.host(), "connection refused: "+err.Error(), "remote", sub.remote, "limit", s.options.MaxPerSource)
		http.Error(w, err.Error(), http.StatusTooManyRequests)
		return
	case err != nil:
		http.Error(w, closeShutdown.Text, http.StatusServiceUnavailable)
		return
	}
	defer s.detach(sub)
	if evicted != nil {
		s.evictedPending(evicted.remote)
	}
	var header http.Header
	if s.guarded() {
		sub.challenge = rand.Text()
		header = http.Header{challengeHeader: {sub.challenge}}
	}
	conn, err := s.upgrader.Upgrade(w, r, header)
	if err != nil {
		s.log.Debug("upgrade failed", "remote", sub.remote, "error", err)
		return
	}
	defer conn.Close()
	sub.binding = bindingOf(peertls.StateOf(conn.NetConn())) // r.TLS is nil at a port of the service's own
	s.serveConn(sub, conn)
}

// errTooManyOfSource is why a connection is refused; its text is sent to the node.
var errTooManyOfSource = errors.New("too many connections from this address")

// evictedPending counts and logs a connection that was closed in favour of a newer one.
func (s *Server) evictedPending(remote string) {
	s.evicted.Add(1)
	s.warn("pending", "oldest connections closed: too many have not registered", "remote", remote, "limit", s.options.MaxPending)
}

// mismatched warns of a connection with TLS to a port without it, or the reverse.
func (s *Server) mismatched(remote net.Addr, why error) {
	s.badTLS.Add(1)
	s.warn(why.Error(), "connection refused: "+why.Error(), "remote", remote.String())
}

// untrusted warns of a failed TLS handshake, once for each reason and host.
func (s *Server) untrusted(remote net.Addr, why error) {
	s.badTLS.Add(1)
	host, _, _ := net.SplitHostPort(remote.String())
	text := why.Error() // may quote a stranger's certificate
	text = text[:min(len(text), maxReason)]
	level := slog.LevelDebug
	if _, ok := s.logTLS.Allow(host + " " + text); ok {
		level = slog.LevelWarn
	}
	s.log.Log(context.Background(), level, "connection refused: the TLS handshake failed; each end needs a certificate by an authority that the other one knows",
		"remote", remote.String(), "error", text)
}

// maxReason limits the text of an error in a log line, in bytes.
const maxReason = 256

// warn logs a warning once per key and hour, and otherwise a debug line.
func (s *Server) warn(key, text string, args ...any) {
	level := slog.LevelDebug
	if _, ok := s.logOnce.Allow(key); ok {
		level = slog.LevelWarn
	}
	s.log.Log(context.Background(), level, text, args...)
}

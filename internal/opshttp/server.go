// Package opshttp is the HTTP server of the port for operators: of a server of the mesh,
// and of a discovery service.
package opshttp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/socketmesh/mesh/internal/peertls"
)

// Server serves operators on its own port, and limits what each connection can hold.
type Server struct {
	listener net.Listener
	http     *http.Server
	served   chan struct{} // closed when the accepting goroutine has ended
}

// Listen serves handler on a TCP address, such as "127.0.0.1:4100", until
// [Server.Shutdown] or [Server.Close]. ctx limits the call, not the server. If secure,
// the TLS configuration of the mesh's links, is given, it serves HTTPS with that
// certificate, and asks clients for theirs without verifying them: the handler does that,
// see [peertls.VerifyClient]. Errors name the address.
func Listen(ctx context.Context, address string, handler http.Handler, secure *tls.Config, log *slog.Logger) (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for operators on %s: %w", address, err)
	}
	s := &Server{
		listener: listener,
		served:   make(chan struct{}),
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: 10 * time.Second, // also the limit of a TLS handshake
			ReadTimeout:       30 * time.Second,
			IdleTimeout:       time.Minute,
			MaxHeaderBytes:    16 << 10,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}
	if secure != nil {
		listener = tls.NewListener(listener, peertls.AskingServer(secure, "http/1.1"))
	}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("operators are not served any more", "error", err)
		}
	}()
	log.Info("serving operators", "address", s.Addr(), "tls", secure != nil)
	return s, nil
}

// Addr is the address on which it listens, with the real port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Shutdown stops the server when the requests in progress are answered, or when ctx ends.
func (s *Server) Shutdown(ctx context.Context) {
	_ = s.http.Shutdown(ctx) // Close ends the remaining requests
	s.Close()
}

// Close stops the server at once.
func (s *Server) Close() {
	s.http.Close()
	<-s.served
}

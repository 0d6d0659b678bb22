package main

import (
	"net"
	"net/http"
	"net/url"

	"github.com/socketmesh/mesh/internal/advertise"
)

// allowPages allows pages of other servers to connect to this server, as they do when their
// own server is gone. The Socket.IO server accepts only pages of its own host and port, and
// requests without an Origin: so that header is removed.
func (s *server) allowPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if origin, err := url.Parse(r.Header.Get("Origin")); err == nil && (sameMachine(origin.Hostname(), r.Host) || s.board.hasPage(origin.Host)) {
			r.Header.Del("Origin")
		}
		next.ServeHTTP(w, r)
	})
}

// sameMachine reports whether a page's host is the machine at address: it is the same host,
// or both are names of the local machine.
func sameMachine(host, address string) bool {
	own, _, err := net.SplitHostPort(address)
	if err != nil {
		own = address
	}
	return host != "" && (host == own || advertise.IsLoopback(host) && advertise.IsLoopback(own))
}

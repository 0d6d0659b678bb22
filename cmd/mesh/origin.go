package main

import (
	"net"
	"net/http"
	"net/url"

	"github.com/socketmesh/mesh/internal/advertise"
)

// allowPages lets the pages of the other servers open connections here, as they do when
// their own server is gone. The Socket.IO server lets in pages of its own host and port
// alone, and all who send no Origin: so that header is taken off.
func (s *server) allowPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if origin, err := url.Parse(r.Header.Get("Origin")); err == nil && (sameMachine(origin.Hostname(), r.Host) || s.board.hasPage(origin.Host)) {
			r.Header.Del("Origin")
		}
		next.ServeHTTP(w, r)
	})
}

// sameMachine tells whether a page of that host may be one of a server beside the one at
// address: the same host on another port, or both this machine by another name.
func sameMachine(host, address string) bool {
	own, _, err := net.SplitHostPort(address)
	if err != nil {
		own = address
	}
	return host != "" && (host == own || advertise.IsLoopback(host) && advertise.IsLoopback(own))
}

package peertls

import (
	"crypto/tls"
	"net"
	"testing"
)

// TestStateOf: the TLS of a connection is found below what a listener puts around it.
func TestStateOf(t *testing.T) {
	below, other := net.Pipe()
	defer below.Close()
	defer other.Close()
	secured := tls.Server(below, &tls.Config{})
	for name, c := range map[string]struct {
		conn net.Conn
		tls  bool
	}{
		"TLS":              {secured, true},
		"TLS, embedded":    {struct{ *tls.Conn }{secured}, true},
		"TLS, wrapped":     {wrapper{Conn: below, inner: secured}, true},
		"without TLS":      {below, false},
		"wrapped, without": {wrapper{Conn: below, inner: below}, false},
	} {
		if got := StateOf(c.conn) != nil; got != c.tls {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

type wrapper struct {
	net.Conn
	inner net.Conn
}

func (w wrapper) NetConn() net.Conn { return w.inner }

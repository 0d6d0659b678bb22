package ws

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/peertls"
)

// serverConn is a connection of the listener, as the HTTP server gets it. The HTTP server
// does not report a failed TLS handshake; so the first Read does the handshake, and
// reports a failure.
type serverConn struct {
	net.Conn           // the connection that the WebSocket uses
	tls      *tls.Conn // the same, if the port has TLS; otherwise nil
	acceptor *acceptor
	first    sync.Once
	failed   bool
}

// Read implements [net.Conn].
func (c *serverConn) Read(b []byte) (int, error) {
	if c.tls != nil {
		c.first.Do(c.handshake)
		if c.failed {
			return 0, io.EOF // then the HTTP server sends no response
		}
	}
	n, err := c.Conn.Read(b)
	if c.tls == nil && n > 0 {
		c.first.Do(func() {
			if peertls.LooksLikeTLS(b[:n]) {
				c.acceptor.refused(c.RemoteAddr().String(), fmt.Errorf("%w: %w", core.ErrMalformed, peertls.ErrTLS))
			}
		})
	}
	return n, err
}

// handshake performs the TLS handshake. It sets the deadline for writing; the HTTP
// server has set the one for reading.
func (c *serverConn) handshake() {
	c.SetWriteDeadline(time.Now().Add(c.acceptor.options.HandshakeTimeout))
	err := c.tls.Handshake()
	if err == nil {
		c.SetWriteDeadline(time.Time{})
		return
	}
	c.failed = true
	why := handshakeError(err)
	if why == nil {
		return
	}
	c.acceptor.refused(c.RemoteAddr().String(), why)
	if errors.Is(why, peertls.ErrPlain) {
		io.WriteString(c.tls.NetConn(), peertls.PlainResponse)
	}
	c.linger()
}

// linger reads what the peer has sent before the connection is closed. With unread
// data the system would reset it, and the peer might not see the TLS alert or the
// response that says why.
func (c *serverConn) linger() {
	raw := c.tls.NetConn()
	halfClose(raw)
	raw.SetDeadline(time.Now().Add(c.acceptor.options.CloseTimeout))
	io.CopyN(io.Discard, raw, maxLinger)
}

// maxLinger bounds what linger reads, in bytes.
const maxLinger = 64 << 10

// serverListener wraps the connections that it accepts in serverConns.
type serverListener struct {
	net.Listener
	acceptor *acceptor
	tls      *tls.Config // nil for a port without TLS
}

// Accept implements [net.Listener].
func (l serverListener) Accept() (net.Conn, error) {
	socket, err := l.Listener.Accept()
	for err == nil && l.tls != nil && !l.acceptor.admits(socket.RemoteAddr().String()) {
		socket.Close()
		socket, err = l.Listener.Accept()
	}
	if err != nil {
		return nil, err
	}
	if l.tls == nil {
		return &serverConn{Conn: socket, acceptor: l.acceptor}, nil
	}
	secured := tls.Server(socket, l.tls)
	return &serverConn{Conn: secured, tls: secured, acceptor: l.acceptor}, nil
}

package service

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// tlsListener makes TLS connections, as tls.NewListener does, and reports why a handshake
// has failed: the HTTP server only logs that as a text, which cannot be counted.
type tlsListener struct {
	net.Listener
	config  *tls.Config
	timeout time.Duration // of a handshake
	refused func(remote net.Addr, why error)
}

// Accept implements [net.Listener].
func (l tlsListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &handshakeConn{Conn: tls.Server(conn, l.config), listener: l}, nil
}

// handshakeConn does the TLS handshake in its first Read, which the HTTP server calls on
// the connection's own goroutine.
type handshakeConn struct {
	*tls.Conn
	listener tlsListener
	first    sync.Once
	err      error
}

// Read implements [net.Conn].
func (c *handshakeConn) Read(b []byte) (int, error) {
	c.first.Do(c.handshake)
	if c.err != nil {
		return 0, c.err
	}
	return c.Conn.Read(b)
}

func (c *handshakeConn) handshake() {
	c.Conn.SetWriteDeadline(time.Now().Add(c.listener.timeout)) // the HTTP server has set the read deadline
	c.err = c.Conn.Handshake()
	c.Conn.SetWriteDeadline(time.Time{})
	if c.err != nil && !goneAway(c.err) {
		c.listener.refused(c.RemoteAddr(), c.err)
	}
}

// goneAway reports whether a connection just ended, or stayed silent: usually such a
// connection only checks that the port is open.
func goneAway(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, os.ErrDeadlineExceeded, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

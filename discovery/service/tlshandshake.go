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

// tlsListener makes TLS of connections, as tls.NewListener does, and tells why a handshake
// has failed: of the HTTP server's own words for it, nothing can be counted.
type tlsListener struct {
	net.Listener
	config  *tls.Config
	timeout time.Duration // of a handshake
	refused func(remote net.Addr, why error)
}

// Accept is net.Listener's.
func (l tlsListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &handshakeConn{Conn: tls.Server(conn, l.config), listener: l}, nil
}

// handshakeConn does the handshake when it is first read from, which the HTTP server does
// in the connection's own goroutine.
type handshakeConn struct {
	*tls.Conn
	listener tlsListener
	first    sync.Once
	err      error
}

// Read is net.Conn's.
func (c *handshakeConn) Read(b []byte) (int, error) {
	c.first.Do(c.handshake)
	if c.err != nil {
		return 0, c.err
	}
	return c.Conn.Read(b)
}

func (c *handshakeConn) handshake() {
	c.Conn.SetWriteDeadline(time.Now().Add(c.listener.timeout)) // the HTTP server has set the other one
	c.err = c.Conn.Handshake()
	c.Conn.SetWriteDeadline(time.Time{})
	if c.err != nil && !goneAway(c.err) {
		c.listener.refused(c.RemoteAddr(), c.err)
	}
}

// goneAway tells of a connection that just ended, or said nothing: of a check whether the
// port is open, mostly.
func goneAway(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, os.ErrDeadlineExceeded, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

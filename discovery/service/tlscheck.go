package service

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/socketmesh/mesh/internal/peertls"
)

// tlsCheckListener inspects the first bytes of each connection, at a port with TLS before
// the TLS handshake: otherwise a node with the wrong scheme in the service's URL would
// get no helpful error from the HTTP server.
type tlsCheckListener struct {
	net.Listener
	tls        bool
	mismatched func(remote net.Addr, why error)
}

// Accept implements [net.Listener].
func (l tlsCheckListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tlsCheckConn{Conn: conn, listener: l}, nil
}

type tlsCheckConn struct {
	net.Conn
	listener tlsCheckListener
	first    sync.Once
}

// Read implements [net.Conn]. At a port with TLS it answers plain HTTP itself, and then
// ends.
func (c *tlsCheckConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n == 0 {
		return n, err
	}
	c.first.Do(func() {
		switch read := b[:n]; {
		case c.listener.tls && peertls.LooksLikeHTTP(read):
			c.listener.mismatched(c.RemoteAddr(), peertls.ErrPlain)
			c.refuse()
			n, err = 0, io.EOF
		case !c.listener.tls && peertls.LooksLikeTLS(read):
			c.listener.mismatched(c.RemoteAddr(), peertls.ErrTLS)
		}
	})
	return n, err
}

// maxLinger limits how much of a refused request is read, in bytes.
const maxLinger = 64 << 10

// refuse answers, and reads what the node still sends: with unread data the system would
// reset the connection, and the node might not see the answer. The HTTP server has set
// the deadlines of a handshake.
func (c *tlsCheckConn) refuse() {
	io.WriteString(c.Conn, peertls.PlainResponse)
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	c.Conn.SetReadDeadline(time.Now().Add(closeTimeout))
	io.CopyN(io.Discard, c.Conn, maxLinger)
}

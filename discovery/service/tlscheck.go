package service

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/socketmesh/mesh/internal/peertls"
)

// tlsCheckListener looks at the first bytes of each connection it accepts: at a port with
// TLS, before TLS does. The HTTP server would say too little of a node that has the wrong
// scheme in the service's URL.
type tlsCheckListener struct {
	net.Listener
	tls        bool
	mismatched func(remote net.Addr, why error)
}

// Accept is net.Listener's.
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

// Read is net.Conn's. It answers HTTP at a port with TLS itself, and then ends.
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

// maxLinger bounds what is read of a request that is refused, in bytes.
const maxLinger = 64 << 10

// refuse answers, and reads what the node still sends: with unread data the system would
// reset the connection, and the node might not see the answer. The HTTP server has set the
// deadlines of a handshake.
func (c *tlsCheckConn) refuse() {
	io.WriteString(c.Conn, peertls.PlainResponse)
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	c.Conn.SetReadDeadline(time.Now().Add(closeTimeout))
	io.CopyN(io.Discard, c.Conn, maxLinger)
}

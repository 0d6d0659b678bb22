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
)

// gate is a connection as the listener hands it to its HTTP server. With its
// first Read it sees to the TLS handshake, and tells of those who fail it.
type gate struct {
	net.Conn           // what the WebSocket will use
	tls      *tls.Conn // the same, if this is a port for TLS
	acceptor *acceptor
	first    sync.Once
	failed   bool
}

// plainAnswer is for those who speak HTTP at a port for TLS.
const plainAnswer = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nBad Request: "

// recordHandshake is the byte that TLS begins with, and HTTP does not.
const recordHandshake = 0x16

// Read is net.Conn's.
func (g *gate) Read(b []byte) (int, error) {
	if g.tls != nil {
		g.first.Do(g.handshake)
		if g.failed {
			return 0, io.EOF // the HTTP server has nothing to say to that
		}
	}
	n, err := g.Conn.Read(b)
	if g.tls == nil && n > 0 {
		g.first.Do(func() {
			if b[0] == recordHandshake {
				g.acceptor.turnAway(g.RemoteAddr().String(), fmt.Errorf("%w: %w", core.ErrMalformed, errTLS))
			}
		})
	}
	return n, err
}

// handshake bounds its own writing; the HTTP server bounds reading.
func (g *gate) handshake() {
	g.SetWriteDeadline(time.Now().Add(g.acceptor.options.HandshakeTimeout))
	err := g.tls.Handshake()
	if err == nil {
		g.SetWriteDeadline(time.Time{})
		return
	}
	g.failed = true
	why := handshakeError(err)
	if why == nil {
		return
	}
	g.acceptor.turnAway(g.RemoteAddr().String(), why)
	if errors.Is(why, errPlain) {
		io.WriteString(g.tls.NetConn(), plainAnswer+errPlain.Error()+"\n")
	}
	g.hangUp()
}

// hangUp ends the connection so that the peer hears why: closed with something
// unread, it would be reset.
func (g *gate) hangUp() {
	below := g.tls.NetConn()
	halfClose(below)
	below.SetDeadline(time.Now().Add(g.acceptor.options.CloseTimeout))
	io.CopyN(io.Discard, below, maxAnswer)
}

// gates turns the connections of a listener into gates.
type gates struct {
	net.Listener
	acceptor *acceptor
	tls      *tls.Config // nil for a port without TLS
}

// Accept is net.Listener's.
func (g gates) Accept() (net.Conn, error) {
	socket, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if g.tls == nil {
		return &gate{Conn: socket, acceptor: g.acceptor}, nil
	}
	secured := tls.Server(socket, g.tls)
	return &gate{Conn: secured, tls: secured, acceptor: g.acceptor}, nil
}

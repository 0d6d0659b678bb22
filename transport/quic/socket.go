package quic

import (
	"context"
	"crypto/rand"
	"net"
	"sync"

	quicgo "github.com/quic-go/quic-go"
)

// socket is a UDP socket. A dialled connection has its own; a listener shares one with
// the connections that it has accepted. It is closed when the last of them releases
// it.
type socket struct {
	udp  *udpConn
	quic *quicgo.Transport

	mu    sync.Mutex
	users int
}

// newSocket binds a UDP socket, which has one user: the caller.
func (t *Transport) newSocket(ctx context.Context, addr string) (*socket, error) {
	packets, err := new(net.ListenConfig).ListenPacket(ctx, "udp", addr)
	if err != nil {
		return nil, err
	}
	s := &socket{udp: &udpConn{UDPConn: packets.(*net.UDPConn)}, users: 1}
	var key quicgo.StatelessResetKey
	rand.Read(key[:])
	s.quic = &quicgo.Transport{Conn: s.udp, StatelessResetKey: &key, Tracer: strays{t}}
	t.checkBuffers(s.udp)
	return s, nil
}

// dialSocket returns a socket for one connection, whose connection ID is empty: with
// one connection per socket, none is needed. With IDs, the acceptor would use up one
// of the dialler's each time the dialler's address changes, and the library does not
// issue new ones.
func (t *Transport) dialSocket(ctx context.Context) (*socket, error) {
	s, err := t.newSocket(ctx, ":0")
	if err != nil {
		return nil, err
	}
	s.quic.ConnectionIDGenerator = noIDs{}
	return s, nil
}

// noIDs generates empty connection IDs.
type noIDs struct{}

func (noIDs) GenerateConnectionID() (quicgo.ConnectionID, error) { return quicgo.ConnectionID{}, nil }
func (noIDs) ConnectionIDLen() int                               { return 0 }

// hold adds a user; the socket must have one already.
func (s *socket) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users++
}

// release removes a user.
func (s *socket) release() {
	s.mu.Lock()
	s.users--
	last := s.users == 0
	s.mu.Unlock()
	if last {
		s.quic.Close()
		s.udp.Close()
	}
}

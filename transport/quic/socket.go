package quic

import (
	"context"
	"crypto/rand"
	"net"
	"sync"

	quicgo "github.com/quic-go/quic-go"
)

// socket is a UDP socket. A dialled connection has one of its own; a listener
// shares one with the connections it has accepted. Whoever uses it holds it; the
// last one to release it closes it.
type socket struct {
	udp  *udpConn
	quic *quicgo.Transport

	mu    sync.Mutex
	users int
}

// newSocket binds a UDP socket, which has one user.
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

// dialSocket is a socket for one connection, which needs no connection ID to be
// found. That matters when its address changes: the acceptor would use up one of
// the dialler's IDs each time, and the library never gives it a new one.
func (t *Transport) dialSocket(ctx context.Context) (*socket, error) {
	s, err := t.newSocket(ctx, ":0")
	if err != nil {
		return nil, err
	}
	s.quic.ConnectionIDGenerator = noIDs{}
	return s, nil
}

// noIDs generates connection IDs of no length.
type noIDs struct{}

func (noIDs) GenerateConnectionID() (quicgo.ConnectionID, error) { return quicgo.ConnectionID{}, nil }
func (noIDs) ConnectionIDLen() int                               { return 0 }

// hold adds a user; there is one already.
func (s *socket) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users++
}

// release ends one use.
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

package quic

import (
	"context"
	"crypto/rand"
	"net"
	"sync"

	quicgo "github.com/quic-go/quic-go"
)

// socket is a UDP socket that connections share, and a listener. Whoever uses it
// holds it; the last one to release it closes it.
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

// hold adds a user, unless there is none any more.
func (s *socket) hold() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == 0 {
		return false
	}
	s.users++
	return true
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

// diallerSocket is the socket of dialled connections, held for one more.
func (t *Transport) diallerSocket(ctx context.Context) (*socket, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dialler != nil && t.dialler.hold() {
		return t.dialler, nil
	}
	s, err := t.newSocket(ctx, ":0")
	if err != nil {
		return nil, err
	}
	t.dialler = s
	return s, nil
}

// forget has the next dial use another socket than this, which is broken.
func (t *Transport) forget(s *socket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dialler == s {
		t.dialler = nil
	}
}

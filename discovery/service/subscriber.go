package service

import (
	"container/list"
	"net"
	"sync"
	"sync/atomic"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

// subscriber is one connection of a [Server]. Its writer waits for a notification and
// then fetches from the registry what it lacks of the latest roster: there is no queue
// that a slow connection could fill.
type subscriber struct {
	remote  string
	changed chan struct{} // holds one signal: there may be something to send
	alive   atomic.Bool   // a pong came since the last ping
	conn    atomic.Pointer[websocket.Conn]

	challenge string // with which its node has to prove the token; "" if no token is required
	binding   string // identifies the connection's TLS session; "" without TLS

	closing  chan struct{} // closed by stop
	stopping sync.Once
	reason   core.CloseReason // set before closing is closed

	noticed sync.Mutex
	notices [][]byte // messages that wait beside the roster; at most maxNotices

	// Guarded by the registry's lock.
	place    *list.Element // in the roster; nil if it has not registered
	features features      // that its node has asked for
	sent     uint64        // the version of the roster that was last sent; 0 for none
}

// maxNotices bounds the notices that wait for one subscriber.
const maxNotices = 16

func newSubscriber(remote string) *subscriber {
	return &subscriber{
		remote:  remote,
		changed: make(chan struct{}, 1),
		closing: make(chan struct{}),
	}
}

// host returns the remote address without the port, which differs for each connection.
func (s *subscriber) host() string {
	host, _, err := net.SplitHostPort(s.remote)
	if err != nil {
		return s.remote
	}
	return host
}

// notify wakes the writer. It does not block.
func (s *subscriber) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// tell queues a notice for the writer, unless too many wait. It does not block.
func (s *subscriber) tell(message []byte) {
	s.noticed.Lock()
	if len(s.notices) < maxNotices {
		s.notices = append(s.notices, message)
	}
	s.noticed.Unlock()
	s.notify()
}

// takeNotices returns the notices that wait.
func (s *subscriber) takeNotices() [][]byte {
	s.noticed.Lock()
	defer s.noticed.Unlock()
	notices := s.notices
	s.notices = nil
	return notices
}

// stop makes the writer close the connection, for the first reason given. It
// does not block.
func (s *subscriber) stop(reason core.CloseReason) {
	s.stopping.Do(func() {
		s.reason = reason
		close(s.closing)
	})
}

// abort closes the connection without a close frame.
func (s *subscriber) abort() {
	if conn := s.conn.Load(); conn != nil {
		conn.NetConn().Close()
	}
}

// stopped reports whether stop was called. Messages that arrive after it are ignored.
func (s *subscriber) stopped() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

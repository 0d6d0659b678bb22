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
// then fetches what it lacks of the latest roster from the registry: there is no queue
// that a slow connection could fill.
type subscriber struct {
	remote  string
	changed chan struct{} // holds one: there is something to fetch
	alive   atomic.Bool   // a pong came since the last ping
	conn    atomic.Pointer[websocket.Conn]

	challenge string // that its node has to prove the token with; "" if it need not
	binding   string // of the connection to its TLS; "" without

	closing  chan struct{} // closed by stop
	stopping sync.Once
	reason   core.CloseReason // set before closing is closed

	noticed sync.Mutex
	notices [][]byte // messages to send, beside the roster; at most maxNotices

	// The registry's, under its lock.
	place    *list.Element // in the roster; nil if it is not registered
	features features      // that its node asked for
	sent     uint64        // the version of the roster that it was sent last; 0 for none
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

// host is the remote address without the port, which differs each time.
func (s *subscriber) host() string {
	host, _, err := net.SplitHostPort(s.remote)
	if err != nil {
		return s.remote
	}
	return host
}

// notify makes the writer fetch what there is to send. It does not block.
func (s *subscriber) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// tell makes the writer send a notice, if not too many wait. It does not block.
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

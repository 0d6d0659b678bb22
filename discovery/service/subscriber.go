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
// then fetches the latest roster from the registry: there is no queue that a slow
// connection could fill.
type subscriber struct {
	remote  string
	changed chan struct{} // holds one: there is a roster to fetch
	alive   atomic.Bool   // a pong came since the last ping
	conn    atomic.Pointer[websocket.Conn]

	closing  chan struct{} // closed by stop
	stopping sync.Once
	reason   core.CloseReason // set before closing is closed

	// The registry's, under its lock.
	place *list.Element // in the roster; nil if it is not registered
}

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

// notify makes the writer fetch the roster. It does not block.
func (s *subscriber) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
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

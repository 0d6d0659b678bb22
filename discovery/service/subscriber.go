package service

import (
	"container/list"
	"net"
	"sync"
	"sync/atomic"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

// subscriber is one connection of a [Server]. Its writer waits for signals, and
// takes from the registry what is the roster then: there is no queue that a
// slow connection could fill.
type subscriber struct {
	remote  string
	changed chan struct{} // holds one: there is a roster to fetch
	alive   atomic.Bool   // a pong came since the last ping
	conn    atomic.Pointer[websocket.Conn]

	closing  chan struct{} // closed by stop
	stopping sync.Once
	reason   core.CloseReason // set before closing is closed

	// The registry's, under its lock.
	waiting *list.Element // among those that wait; nil if it does not
	place   *list.Element // in the roster; nil if it is not registered
}

func newSubscriber(remote string) *subscriber {
	return &subscriber{
		remote:  remote,
		changed: make(chan struct{}, 1),
		closing: make(chan struct{}),
	}
}

// host is where it comes from, without the port, which is new each time.
func (s *subscriber) host() string {
	host, _, err := net.SplitHostPort(s.remote)
	if err != nil {
		return s.remote
	}
	return host
}

// notify signals that there is something to fetch. It does not block.
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

// abort closes the connection without a word.
func (s *subscriber) abort() {
	if conn := s.conn.Load(); conn != nil {
		conn.NetConn().Close()
	}
}

// stopped tells whether stop was called. What arrives after it is not looked
// at.
func (s *subscriber) stopped() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

package load

import (
	"net"
	"time"
)

// wire moves the bytes between sessions and servers. All methods but wake are
// called by the swarm's goroutine, and its events come there too, during poll.
type wire interface {
	// dial begins to connect a session; events.connected or events.ended follows.
	dial(s *session, to *net.TCPAddr, from net.IP) error
	// flush sends what is in s.out as far as that goes now, and the rest later.
	flush(s *session)
	// hangUp closes the connection. No events follow.
	hangUp(s *session)
	// unread reports whether something has come that has not been reported yet, as far as
	// that is known.
	unread(s *session) bool
	// poll waits for events until wake is called, or for as long as timeout
	// (below 0: for ever), and reports them.
	poll(timeout time.Duration) error
	// wake lets poll return. Anyone may call it at any time.
	wake()
	// close ends all connections.
	close()
}

// events are what a wire reports.
type events interface {
	connected(s *session)
	// received gets what has arrived and has not been used, and tells how much of
	// it was. It may hang up.
	received(s *session, data []byte) (used int)
	ended(s *session, err error)
}

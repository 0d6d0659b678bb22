package load

import (
	"net"
	"time"
)

// wire moves bytes between sessions and servers. The swarm's goroutine calls all methods
// except wake, and is called with the events, during poll.
type wire interface {
	// dial begins to connect a session; events.connected or events.ended follows.
	dial(s *session, to *net.TCPAddr, from net.IP) error
	// flush sends as much of s.out as possible now, and the rest later.
	flush(s *session)
	// hangUp closes the connection. It is followed by no event.
	hangUp(s *session)
	// unread reports whether data has arrived that was not reported yet, as far as that
	// is known.
	unread(s *session) bool
	// poll waits for events until wake is called, or for as long as timeout (below 0: for
	// ever), and reports them.
	poll(timeout time.Duration) error
	// wake makes poll return. Any goroutine may call it at any time.
	wake()
	// close ends all connections.
	close()
}

// events are the callbacks of a wire.
type events interface {
	connected(s *session)
	// received gets all data that has arrived and was not used, and returns how much of
	// it was used. It may hang up.
	received(s *session, data []byte) (used int)
	ended(s *session, err error)
}

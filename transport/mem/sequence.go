package mem

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

var _ core.Lane = (*sequence)(nil)

// sequence is one end of a sequence of frames: that of a connection, or of one
// of its lanes. The network's lock guards it.
type sequence struct {
	conn    *conn
	peer    *sequence
	in, out *pipe

	readable *sync.Cond // Recv may look again
	writable *sync.Cond // Send may look again
	reading  []byte     // what the last Recv returned
	ended    error      // what the other end left behind its last frame
}

func newSequence(c *conn, in, out *pipe) *sequence {
	mu := &c.owner.network.mu
	return &sequence{conn: c, in: in, out: out, readable: sync.NewCond(mu), writable: sync.NewCond(mu)}
}

// Send copies the frames into the buffer of this direction, as it gets room.
func (s *sequence) Send(ctx context.Context, frames [][]byte) error {
	n := s.conn.owner.network
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, frame := range frames {
		if n.tap != nil {
			s.tapped(frame)
		}
		if err := s.sendable(ctx, frame); err != nil {
			return fmt.Errorf("mem: send to %s: %w", s.conn.remote, err)
		}
		s.out.push(frame, n.maxFrame)
		s.peer.readable.Broadcast()
	}
	return nil
}

// tapped shows a frame to the network's tap, without the lock.
func (s *sequence) tapped(frame []byte) {
	n := s.conn.owner.network
	tap, from, to := n.tap, s.conn.owner.host.name, s.conn.peer.owner.host.name
	n.mu.Unlock()
	defer n.mu.Lock()
	tap(from, to, frame)
}

// sendable waits until a frame can be sent, or never can.
func (s *sequence) sendable(ctx context.Context, frame []byte) error {
	n := s.conn.owner.network
	waiting := false
	for {
		if err := s.failed(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			s.conn.abort(err)
			return err
		}
		again, err := s.goodbye()
		if err != nil {
			return err
		}
		if !s.conn.owner.host.hung && s.out.fits(frame, n.buffer) {
			return nil
		}
		if !waiting {
			waiting = true
			defer n.wakeAfter(ctx, s.writable)()
		}
		n.wait(s.writable, again)
	}
}

// Recv returns the next frame that has arrived.
func (s *sequence) Recv() ([]byte, error) {
	n := s.conn.owner.network
	n.mu.Lock()
	defer n.mu.Unlock()
	s.in.give(s.reading)
	s.reading = nil
	for {
		if err := s.failed(); err != nil {
			return nil, fmt.Errorf("mem: receive from %s: %w", s.conn.remote, err)
		}
		var again time.Time
		if !s.conn.owner.host.hung {
			first, ok, at := s.in.next()
			if ok {
				return s.take(first)
			}
			again = at
			if s.conn.allRead() {
				if again, s.ended = s.goodbye(); s.ended != nil {
					continue
				}
			}
		}
		n.wait(s.readable, again)
	}
}

// take hands over a packet that was read.
func (s *sequence) take(p packet) ([]byte, error) {
	s.peer.writable.Broadcast()
	if s.conn.allRead() {
		s.conn.wake() // now the others may hear of the end
	}
	if p.tooLarge {
		s.conn.finish(&core.CloseError{CloseReason: closeTooLarge})
		s.conn.die(fmt.Errorf("%w of %d bytes", core.ErrTooLarge, s.conn.owner.network.maxFrame))
		return nil, fmt.Errorf("mem: receive from %s: %w", s.conn.remote, s.conn.err)
	}
	s.reading = p.frame
	return p.frame, nil
}

// closeTooLarge is what the sender of too large a frame hears.
var closeTooLarge = core.CloseReason{Code: 1009}

// goodbye returns what the other end left when it ended, if that has arrived and
// this end can notice. If it is still under way, it returns the time to look
// again.
func (s *sequence) goodbye() (again time.Time, err error) {
	if s.conn.owner.host.hung || s.conn.peer.owner.host.hung {
		return time.Time{}, nil
	}
	return s.in.ended()
}

// failed returns what has ended this end, as far as it can notice.
func (s *sequence) failed() error {
	if err := s.conn.failed(); err != nil || s.conn.owner.host.hung {
		return err
	}
	return s.ended
}

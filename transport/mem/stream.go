package mem

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

var _ core.Stream = (*stream)(nil)

// stream is one end of an ordered sequence of frames: the connection's own, or a
// numbered one.
// The network's lock guards it.
type stream struct {
	conn    *conn
	peer    *stream
	in, out *pipe

	readable *sync.Cond // Recv waits for it
	writable *sync.Cond // Send waits for it
	frame    []byte     // returned by the last Recv
	ended    error      // error of the other end's closing, once it was read
}

func newStream(c *conn, in, out *pipe) *stream {
	mu := &c.owner.network.mu
	return &stream{conn: c, in: in, out: out, readable: sync.NewCond(mu), writable: sync.NewCond(mu)}
}

// Send copies the frames into the buffer of this direction, and waits while it is full.
func (s *stream) Send(ctx context.Context, frames [][]byte) error {
	n := s.conn.owner.network
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, frame := range frames {
		if n.tap != nil {
			s.callTap(frame)
		}
		if err := s.waitSendable(ctx, frame); err != nil {
			return fmt.Errorf("mem: send to %s: %w", s.conn.remote, err)
		}
		s.out.push(frame, n.maxFrame)
		s.peer.readable.Broadcast()
	}
	return nil
}

// callTap calls the network's tap with a frame, without the lock.
func (s *stream) callTap(frame []byte) {
	n := s.conn.owner.network
	tap, from, to := n.tap, s.conn.owner.host.name, s.conn.peer.owner.host.name
	n.mu.Unlock()
	defer n.mu.Lock()
	tap(from, to, frame)
}

// waitSendable waits until a frame can be sent. It returns an error if it never can.
func (s *stream) waitSendable(ctx context.Context, frame []byte) error {
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
		again, err := s.peerEnd()
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
func (s *stream) Recv() ([]byte, error) {
	n := s.conn.owner.network
	n.mu.Lock()
	defer n.mu.Unlock()
	s.in.putBuffer(s.frame)
	s.frame = nil
	for {
		if err := s.failed(); err != nil {
			return nil, fmt.Errorf("mem: receive from %s: %w", s.conn.remote, err)
		}
		var again time.Time
		if !s.conn.owner.host.hung {
			first, ok, at := s.in.next()
			if ok {
				return s.received(first)
			}
			again = at
			if s.conn.allRead() {
				if again, s.ended = s.peerEnd(); s.ended != nil {
					continue
				}
			}
		}
		n.wait(s.readable, again)
	}
}

// received returns the frame of a packet from Recv.
func (s *stream) received(p packet) ([]byte, error) {
	s.peer.writable.Broadcast()
	if s.conn.allRead() {
		s.conn.wake() // the Recvs of other streams wait for this
	}
	if p.tooLarge {
		s.conn.finish(&core.CloseError{CloseReason: core.CloseTooLarge})
		s.conn.failAlone(fmt.Errorf("%w of %d bytes", core.ErrTooLarge, s.conn.owner.network.maxFrame))
		return nil, fmt.Errorf("mem: receive from %s: %w", s.conn.remote, s.conn.err)
	}
	s.frame = p.frame
	return p.frame, nil
}

// peerEnd returns the error with which the other end has ended, if it has arrived and
// neither host hangs; otherwise the time to try again.
func (s *stream) peerEnd() (again time.Time, err error) {
	if s.conn.owner.host.hung || s.conn.peer.owner.host.hung {
		return time.Time{}, nil
	}
	return s.in.ended()
}

// failed returns the error with which this end has ended. A host that hangs does not
// notice.
func (s *stream) failed() error {
	if err := s.conn.failed(); err != nil || s.conn.owner.host.hung {
		return err
	}
	return s.ended
}

package quic

import (
	"net"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Close sends a goodbye behind what is being sent, and gives the peer a moment to
// take all of it. It takes Options.CloseTimeout at most, which is when the peer
// does not read.
func (c *conn) Close(reason core.CloseReason) error {
	c.once.Do(func() { c.close(wellFormed(reason), time.Now().Add(c.closeTimeout)) })
	return nil
}

func (c *conn) close(reason core.CloseReason, deadline time.Time) {
	c.interrupt(deadline)
	if !c.peerClosed() && c.sayGoodbye(reason) == nil {
		c.linger(reason, deadline)
	}
	c.quic.CloseWithError(applicationCode(reason))
	c.accepting.Wait()
	c.socket.release()
}

// interrupt ends every Recv, and every Send in time.
func (c *conn) interrupt(deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed.Store(true)
	close(c.closing)
	for _, q := range c.sequences {
		q.sender.stream.SetWriteDeadline(deadline)
		if q.stream != nil {
			q.stream.SetReadDeadline(past)
		}
	}
}

func (c *conn) peerClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.goodbye != nil
}

// sayGoodbye ends all sequences.
func (c *conn) sayGoodbye(reason core.CloseReason) error {
	var used uint64
	for i, lane := range c.sequences[1:] {
		sent, err := lane.sender.end(nil)
		if err != nil {
			return err
		}
		if sent {
			used |= 1 << i
		}
	}
	_, err := c.sequences[0].sender.end(appendGoodbye(nil, reason, used))
	return err
}

// end writes the last bytes and ends the stream, if it has been used or is now.
func (s *sender) end(last []byte) (used bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(last)
	if s.err != nil || !s.used {
		return s.used, s.err
	}
	s.err = net.ErrClosed
	return true, s.stream.Close()
}

// linger waits until the peer has taken everything and lets go, or closes too.
// Meanwhile it takes what the peer has sent: it may not be able to read before
// that.
func (c *conn) linger(reason core.CloseReason, deadline time.Time) {
	var discarding sync.WaitGroup
	defer discarding.Wait()
	defer c.quic.CloseWithError(applicationCode(reason)) // ends the discarding too
	bothClose := make(chan struct{})
	for _, q := range c.sequences {
		discarding.Go(func() {
			if q.discard(deadline) && q.index == 0 {
				close(bothClose)
			}
		})
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-c.quic.Context().Done():
	case <-bothClose:
	case <-timer.C:
	}
}

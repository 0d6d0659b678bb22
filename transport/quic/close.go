package quic

import (
	"net"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Close sends a close frame behind the frames that Send is writing, and waits until the
// peer has read everything, but no longer than Options.CloseTimeout.
func (c *conn) Close(reason core.CloseReason) error {
	c.once.Do(func() { c.close(wellFormed(reason), time.Now().Add(c.closeTimeout)) })
	return nil
}

func (c *conn) close(reason core.CloseReason, deadline time.Time) {
	c.interrupt(deadline)
	if !c.peerClosed() && c.sendClose(reason) == nil {
		c.linger(reason, deadline)
	}
	c.quic.CloseWithError(applicationCode(reason))
	c.accepting.Wait()
	c.socket.release()
}

// interrupt ends every Recv now, and every Send at the deadline.
func (c *conn) interrupt(deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed.Store(true)
	close(c.closing)
	for _, s := range c.streams {
		s.sender.out.SetWriteDeadline(deadline)
		if s.in != nil {
			s.in.SetReadDeadline(past)
		}
	}
}

func (c *conn) peerClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peerClose != nil
}

// sendClose ends the numbered streams, and then the Conn's own with a close frame.
func (c *conn) sendClose(reason core.CloseReason) error {
	var used uint64
	for i, stream := range c.streams[1:] {
		sent, err := stream.sender.end(nil)
		if err != nil {
			return err
		}
		if sent {
			used |= 1 << i
		}
	}
	_, err := c.streams[0].sender.end(appendCloseFrame(nil, reason, used))
	return err
}

// end writes the last bytes and ends the QUIC stream, unless nothing was ever sent
// on it.
func (s *sender) end(last []byte) (used bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(last)
	if s.err != nil || !s.used {
		return s.used, s.err
	}
	s.err = net.ErrClosed
	return true, s.out.Close()
}

// linger waits until the peer has read everything and closes the QUIC connection, or has
// called Close as well. It reads and drops what the peer still sends, because the peer
// may not read before its own writes have succeeded.
func (c *conn) linger(reason core.CloseReason, deadline time.Time) {
	var discarding sync.WaitGroup
	defer discarding.Wait()
	defer c.quic.CloseWithError(applicationCode(reason)) // ends discard, too
	bothClose := make(chan struct{})
	for _, s := range c.streams {
		discarding.Go(func() {
			if s.discard(deadline) && s.index == 0 {
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

package quic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/socketmesh/mesh/core"
)

var _ core.Stream = (*stream)(nil)

// stream is one ordered sequence of frames in each direction: the Conn's own, or a
// numbered one. It has one QUIC stream for each direction.
type stream struct {
	conn  *conn
	index int // set before opened is closed

	sender sender

	opened  chan struct{}         // closed when the peer has opened its QUIC stream
	in      *quicgo.ReceiveStream // set before that
	unused  chan struct{}         // closed when the peer has closed without using this stream
	reading sync.Mutex
	reader  *frameReader          // of in; nil before the first Recv
	admit   func(bytes int) error // called before the memory of a large frame is allocated; nil admits all
	readErr error                 // what Recv returns, once reading has ended
}

// past is a deadline that has expired.
var past = time.Unix(1, 0)

// Send writes the frames, with as few writes as possible.
func (s *stream) Send(ctx context.Context, frames [][]byte) error {
	if err := s.send(ctx, frames); err != nil {
		return fmt.Errorf("quic: send to %s: %w", s.conn.RemoteAddr(), err)
	}
	return nil
}

func (s *stream) send(ctx context.Context, frames [][]byte) error {
	out := &s.sender
	out.mu.Lock()
	defer out.mu.Unlock()
	if s.conn.closed.Load() {
		return net.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return s.giveUp(err)
	}
	stop := func() bool { return true }
	if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, func() { out.out.SetWriteDeadline(past) })
	}
	err := out.frames(frames)
	inTime := stop()
	switch {
	case err != nil && s.conn.closed.Load():
		return net.ErrClosed
	case !inTime:
		return s.giveUp(ctx.Err()) // even if all was written: the deadline stays expired
	case err != nil:
		return s.conn.fail(s.conn.reasonFor(err), noReason)
	}
	return nil
}

// giveUp closes the connection after an error of Send.
func (s *stream) giveUp(err error) error {
	if s.sender.err == nil {
		s.sender.err = err
	}
	s.conn.fail(err, noReason)
	return err
}

// Recv returns the next frame.
func (s *stream) Recv() ([]byte, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.readErr == nil {
		frame, err := s.recv()
		if err == nil {
			return frame, nil
		}
		s.readErr = err
	}
	err := s.readErr
	if s.conn.closed.Load() {
		err = net.ErrClosed
	}
	return nil, fmt.Errorf("quic: receive from %s: %w", s.conn.RemoteAddr(), err)
}

func (s *stream) recv() ([]byte, error) {
	if !s.open() {
		return nil, s.conn.waitForEnd()
	}
	frame, err := s.reader.next(int(s.conn.limit.Load()))
	switch {
	case err == nil:
		return frame, nil
	case errors.Is(err, errCloseFrame) && s.index == 0:
		err = s.conn.readCloseFrame(s.reader)
	case errors.Is(err, errCloseFrame):
		err = fmt.Errorf("%w: close frame on a stream", core.ErrMalformed)
	case err == io.EOF && s.index != 0:
		s.conn.streamEnded(s.index - 1)
		err = nil
	}
	if err != nil {
		return nil, s.conn.readFailed(err)
	}
	return nil, s.conn.waitForEnd()
}

// OnLargeFrame sets the function to call before the memory of a large frame is allocated.
func (s *stream) OnLargeFrame(admit func(bytes int) error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	s.admit = admit
	if s.reader != nil {
		s.reader.admit = admit
	}
}

// open waits for the peer's QUIC stream, and reports whether there is one.
func (s *stream) open() bool {
	if s.reader != nil {
		return true
	}
	select {
	case <-s.opened:
	case <-s.unused:
		return false
	case <-s.conn.closing:
		return false
	case <-s.conn.quic.Context().Done():
		return false
	}
	s.reader = newFrameReader(s.in)
	s.reader.admit = s.admit
	return true
}

// discard reads and drops what still arrives, so that the peer's writes do not block. It
// reports whether the peer has ended its QUIC stream.
func (s *stream) discard(deadline time.Time) (ended bool) {
	select {
	case <-s.opened:
	case <-s.conn.quic.Context().Done():
		return false
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	s.in.SetReadDeadline(deadline)
	_, err := io.Copy(io.Discard, s.in)
	return err == nil
}

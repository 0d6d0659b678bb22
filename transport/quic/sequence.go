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

var _ core.Lane = (*sequence)(nil)

// sequence is one sequence of frames in both directions: the Conn's own, or a
// lane.
type sequence struct {
	conn  *conn
	index int // of its streams: 0 for the Conn's own, the lane's number plus one

	sender sender

	opened  chan struct{}         // closed when the peer has opened its stream
	stream  *quicgo.ReceiveStream // set before that
	unused  chan struct{}         // closed when the peer said goodbye and did not use this lane
	reading sync.Mutex
	reader  *frameReader // of stream; nil before the first Recv
	ended   error        // why Recv ends
}

// past is a deadline that has expired.
var past = time.Unix(1, 0)

// Send writes the frames, as few writes as possible.
func (q *sequence) Send(ctx context.Context, frames [][]byte) error {
	if err := q.send(ctx, frames); err != nil {
		return fmt.Errorf("quic: send to %s: %w", q.conn.RemoteAddr(), err)
	}
	return nil
}

func (q *sequence) send(ctx context.Context, frames [][]byte) error {
	s := &q.sender
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.conn.closed.Load() {
		return net.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return q.giveUp(err)
	}
	stop := func() bool { return true }
	if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, func() { s.stream.SetWriteDeadline(past) })
	}
	err := s.frames(frames)
	inTime := stop()
	switch {
	case err != nil && q.conn.closed.Load():
		return net.ErrClosed
	case !inTime:
		return q.giveUp(ctx.Err()) // nothing can be sent with that deadline
	case err != nil:
		return q.conn.fail(q.conn.diagnose(err), noReason)
	}
	return nil
}

// giveUp ends the connection for an error of Send.
func (q *sequence) giveUp(err error) error {
	if q.sender.err == nil {
		q.sender.err = err
	}
	q.conn.fail(err, noReason)
	return err
}

// Recv returns the next frame.
func (q *sequence) Recv() ([]byte, error) {
	q.reading.Lock()
	defer q.reading.Unlock()
	if q.ended == nil {
		frame, err := q.recv()
		if err == nil {
			return frame, nil
		}
		q.ended = err
	}
	err := q.ended
	if q.conn.closed.Load() {
		err = net.ErrClosed
	}
	return nil, fmt.Errorf("quic: receive from %s: %w", q.conn.RemoteAddr(), err)
}

func (q *sequence) recv() ([]byte, error) {
	if !q.open() {
		return nil, q.conn.wait()
	}
	frame, err := q.reader.next(int(q.conn.limit.Load()))
	switch {
	case err == nil:
		return frame, nil
	case errors.Is(err, errGoodbye) && q.index == 0:
		err = q.conn.hearGoodbye(q.reader)
	case errors.Is(err, errGoodbye):
		err = fmt.Errorf("%w: goodbye on a lane", core.ErrMalformed)
	case err == io.EOF && q.index != 0:
		q.conn.laneTaken(q.index - 1)
		err = nil
	}
	if err != nil {
		return nil, q.conn.refuse(err)
	}
	return nil, q.conn.wait()
}

// open waits for the peer's stream, and tells whether there is one.
func (q *sequence) open() bool {
	if q.reader != nil {
		return true
	}
	select {
	case <-q.opened:
	case <-q.unused:
		return false
	case <-q.conn.closing:
		return false
	case <-q.conn.quic.Context().Done():
		return false
	}
	q.reader = newFrameReader(q.stream)
	return true
}

// discard takes what still comes, so that the peer can go on. It tells whether
// the peer has ended its stream.
func (q *sequence) discard(deadline time.Time) (ended bool) {
	select {
	case <-q.opened:
	case <-q.conn.quic.Context().Done():
		return false
	}
	q.reading.Lock()
	defer q.reading.Unlock()
	q.stream.SetReadDeadline(deadline)
	_, err := io.Copy(io.Discard, q.stream)
	return err == nil
}

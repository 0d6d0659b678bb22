package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/socketmesh/mesh/core"
)

// stream is one ordered sequence of frames on a link, with its own reader and writer. If
// the connection is a [core.MultiStream], the connection itself carries control frames,
// and each of its numbered streams the messages of some namespaces. Otherwise the link
// has one stream, the connection, which carries everything.
type stream struct {
	link   *link
	frames core.Stream
	number int // in the link; 0 carries control frames
	fifo   int // the fifo of the peer's queue whose messages it carries; -1 if none

	assembling                  int // bytes that the last frame has acquired from assembly; used by the reader alone
	unsaidMessages, unsaidBytes int // received since the last ACK; used by the reader alone

	wake chan struct{} // wakes the writer
	busy bool          // something is being written; guarded by the peer's lock
}

func (l *link) newStream(number, fifo int, frames core.Stream) *stream {
	return &stream{link: l, frames: frames, number: number, fifo: fifo, wake: make(chan struct{}, 1)}
}

// newStreams makes the streams of a link.
func (l *link) newStreams() []*stream {
	multi, ok := l.conn.(core.MultiStream)
	if !ok || multi.Streams() < 1 {
		return []*stream{l.newStream(0, 0, l.conn)}
	}
	streams := []*stream{l.newStream(0, -1, l.conn)}
	for i := range multi.Streams() {
		streams = append(streams, l.newStream(1+i, i, multi.Stream(i)))
	}
	return streams
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// write sends what waits for this stream, until the link ends.
func (s *stream) write() {
	l := s.link
	var control [][]byte
	var batch []*frame
	var out batcher
	for {
		control, batch = l.peer.next(s, control[:0], batch[:0])
		if len(control)+len(batch) == 0 {
			select {
			case <-s.wake:
				continue
			case <-l.stop:
				return
			}
		}
		out.control(control)
		out.messages(batch, l.batchLimit)
		s.trace(batch)
		err := s.frames.Send(context.Background(), out.frames) // Close ends it
		out.clear()
		l.peer.sent(s.fifo, batch, err)
		switch {
		case isGoodbye(err):
			return // the readers end the link when they have read everything before the goodbye
		case err != nil:
			l.outlast(fmt.Errorf("%w: %w", errSend, err))
			return
		}
	}
}

// isGoodbye reports whether the peer has closed the connection in good order.
func isGoodbye(err error) bool {
	_, closed := errors.AsType[*core.CloseError](err)
	return closed
}

// read handles frames until the connection ends. The peer's goodbye comes last on each
// stream, so the reader that is the last to see it ends the link.
func (s *stream) read() {
	l := s.link
	defer s.assembled()
	if f, ok := s.frames.(core.FrameAdmitter); ok {
		f.OnLargeFrame(s.admit)
	}
	for {
		s.assembled()
		src, err := s.frames.Recv()
		if err != nil {
			if last := l.reading.Add(-1) == 0; last || !isGoodbye(err) {
				l.fail(core.CloseShutdown, readError(err))
			}
			return
		}
		l.alive()
		if s.number > 0 && !l.awaitStart() {
			return
		}
		l.dispatching.Add(1)
		err = s.handle(src)
		l.dispatching.Add(-1)
		l.alive()
		if _, other := errors.AsType[*otherPeerError](err); other {
			l.fail(core.CloseAddressChanged, err)
			return
		}
		if err != nil {
			l.fail(core.CloseProtocolError, err)
			return
		}
	}
}

// handle handles one frame. An error ends the link; frames that make no sense but do no
// harm are counted and ignored.
func (s *stream) handle(src []byte) error {
	l := s.link
	switch {
	case len(src) == 0:
		l.peer.dropInbound(0, fmt.Errorf("%w: empty frame", core.ErrMalformed))
		return nil
	case src[0] == frameMesh && s.fifo >= 0:
		return s.message(src[1:])
	case src[0] == frameBatch && s.fifo >= 0 && !l.peer.reference:
		return s.messages(src[1:])
	case src[0] == frameInterest && s.fifo >= 0 && l.peer.wantsInterest:
		return s.interest(src[1:])
	case s.number == 0 && !l.peer.reference:
		return l.control(src)
	}
	l.peer.dropInbound(0, fmt.Errorf("%w: frame kind %#x on stream %d", core.ErrUnsupported, src[0], s.number))
	return nil
}

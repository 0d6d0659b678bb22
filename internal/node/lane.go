package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/socketmesh/mesh/core"
)

// lane is one sequence of frames of a link, with a reader and a writer of its
// own. Where the transport has lanes ([core.Laner]), the connection itself carries the
// link's control frames and each lane the messages of some namespaces; elsewhere
// the connection is the one lane, and carries all.
type lane struct {
	link   *link
	frames core.Lane
	number int // in the link; 0 carries control frames
	line   int // of the peer's queue, whose messages it carries; -1 if none

	wake chan struct{} // tells the writer that there may be something to send
	busy bool          // something is being written; guarded by the peer's lock
}

func (l *link) newLane(number, line int, frames core.Lane) *lane {
	return &lane{link: l, frames: frames, number: number, line: line, wake: make(chan struct{}, 1)}
}

// newLanes makes the lanes of a link.
func (l *link) newLanes() []*lane {
	laner, ok := l.conn.(core.Laner)
	if !ok || laner.Lanes() < 1 {
		return []*lane{l.newLane(0, 0, l.conn)}
	}
	lanes := []*lane{l.newLane(0, -1, l.conn)}
	for i := range laner.Lanes() {
		lanes = append(lanes, l.newLane(1+i, i, laner.Lane(i)))
	}
	return lanes
}

func (ln *lane) signal() {
	select {
	case ln.wake <- struct{}{}:
	default:
	}
}

// write sends what there is for this lane, all that waits at once.
func (ln *lane) write() {
	l := ln.link
	var control [][]byte
	var batch []*frame
	var out batcher
	for {
		control, batch = l.peer.next(ln, control[:0], batch[:0])
		if len(control)+len(batch) == 0 {
			select {
			case <-ln.wake:
				continue
			case <-l.stop:
				return
			}
		}
		out.control(control)
		out.messages(batch, l.batchLimit)
		err := ln.frames.Send(context.Background(), out.frames) // ended by Close
		out.clear()
		l.peer.sent(batch, err)
		switch {
		case isGoodbye(err):
			return // readers end the link when they have all that came before it
		case err != nil:
			l.outlast(fmt.Errorf("%w: %w", errSend, err))
			return
		}
	}
}

// isGoodbye tells whether the peer has closed the connection in good order.
func isGoodbye(err error) bool {
	_, closed := errors.AsType[*core.CloseError](err)
	return closed
}

// read takes frames until the connection ends. The peer's goodbye comes behind
// what it has sent on each lane, so the last lane to hear it ends the link.
func (ln *lane) read() {
	l := ln.link
	for {
		src, err := ln.frames.Recv()
		if err != nil {
			if last := l.reading.Add(-1) == 0; last || !isGoodbye(err) {
				l.fail(core.CloseShutdown, readError(err))
			}
			return
		}
		l.alive()
		if ln.number > 0 && !l.awaitStart() {
			return
		}
		l.dispatching.Add(1)
		err = ln.handle(src)
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

// handle takes one frame. An error ends the link; frames that only make no
// sense are counted and ignored.
func (ln *lane) handle(src []byte) error {
	l := ln.link
	switch {
	case len(src) == 0:
		l.peer.dropInbound(0, fmt.Errorf("%w: empty frame", core.ErrMalformed))
		return nil
	case src[0] == frameMesh && ln.line >= 0:
		return l.message(src[1:])
	case src[0] == frameBatch && ln.line >= 0 && !l.peer.reference:
		return l.messages(src[1:])
	case src[0] == frameInterest && ln.line >= 0 && l.peer.wantsInterest:
		return l.interest(src[1:])
	case ln.number == 0 && !l.peer.reference:
		return l.control(src)
	}
	l.peer.dropInbound(0, fmt.Errorf("%w: frame kind %#x on lane %d", core.ErrUnsupported, src[0], ln.number))
	return nil
}

package transporttest

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/socketmesh/mesh/core"
)

// endsOfAll starts a Recv on each stream, and returns a function that waits for their
// last errors.
func (s *suite) endsOfAll(all []core.Lane) func() []error {
	errs := make([]error, len(all))
	var done []<-chan struct{}
	for i, lane := range all {
		done = append(done, s.start(func() {
			for errs[i] == nil {
				_, errs[i] = lane.Recv()
			}
		}))
	}
	return func() []error {
		s.Helper()
		for _, d := range done {
			s.await("the end of Recv", d)
		}
		return errs
	}
}

// Lane: frames above the limit are treated as those of the Conn.
func laneTooLargeFrameEndsTheConnection(s *suite) {
	s.eachWay(func(from, to core.Conn) {
		s.wantTooLarge(from, to, s.MaxFrame)
	})
}

// Lane: "the Conn's limit of LimitReads holds for all lanes".
func limitReadsHoldsForLanes(s *suite) {
	const limit = 1000
	s.eachWay(func(from, to core.Conn) {
		lanes := s.lanes(from) // or skip
		limiter, ok := to.(core.ReadLimiter)
		if !ok {
			s.Skip("connections of this transport have no limit that can be set")
		}
		limiter.LimitReads(limit)
		for i, lane := range lanes {
			s.send(lane, pattern(limit, i))
			if got := s.recv(s.lanes(to)[i]); len(got) != limit {
				s.Errorf("Recv: got %d bytes, want %d", len(got), limit)
			}
		}
		s.wantTooLarge(from, to, limit)
	})
}

// wantTooLarge sends a frame above the limit on the last lane.
func (s *suite) wantTooLarge(from, to core.Conn, limit int) {
	s.Helper()
	sending, receiving := s.lanes(from), s.lanes(to)
	last := len(sending) - 1
	sent := s.start(func() {
		ctx, cancel := context.WithTimeout(s.Context(), s.Patience)
		defer cancel()
		sending[last].Send(ctx, [][]byte{pattern(limit+1, 1)}) // may fail
	})
	if _, err := s.recvResult(receiving[last]); !errors.Is(err, core.ErrTooLarge) {
		s.Errorf("Recv: got error %v, want one that wraps core.ErrTooLarge", err)
	}
	s.wantAllEnded(from, to)
	s.await("Send", sent)
}

// wantAllEnded checks that every stream has ended, on both ends.
func (s *suite) wantAllEnded(a, b core.Conn) {
	s.Helper()
	both := append(s.streams(a), s.streams(b)...)
	s.endsOfAll(both)()
	for i, lane := range both {
		var err error
		s.within("Send", func() {
			for n := 0; n < 100 && err == nil; n++ {
				err = lane.Send(s.Context(), numbered(0, 1))
			}
		})
		if err == nil {
			s.Errorf("Send on sequence %d: no error after the connection's end", i)
		}
	}
}

// Lane: "an error that is final ends the Conn".
func laneErrorsAreFinalForAll(s *suite) {
	s.eachWay(func(from, to core.Conn) {
		lanes := s.lanes(from)
		ctx, cancel := context.WithCancel(s.Context())
		cancel()
		if err := lanes[0].Send(ctx, numbered(0, 1)); !errors.Is(err, context.Canceled) {
			s.Errorf("Send: got error %v, want one that wraps context.Canceled", err)
		}
		s.wantAllEnded(from, to)
	})
}

// Conn.Close: "unblocks Send and Recv", those of all lanes.
func closeUnblocksLanes(s *suite) {
	s.eachWay(func(c, _ core.Conn) {
		all := s.streams(c)
		ends := s.endsOfAll(all)
		var err error
		full := s.start(func() { err = s.fill(s.Context(), all[0]) })
		for range 5 {
			s.settle() // so that all of them block
		}
		s.closeConn(c, core.CloseShutdown)
		s.await("Send", full)
		s.wantClosed("Send", err)
		for _, err := range ends() {
			s.wantClosed("Recv", err)
		}
		for _, lane := range all {
			s.wantClosed("Send after Close", lane.Send(s.Context(), numbered(0, 1)))
		}
	})
}

// Conn.Recv: "a [*CloseError] if the peer closed with a reason", on all lanes, used
// or not.
func closeTellsThePeerWhyOnLanes(s *suite) {
	s.eachWay(func(c, peer core.Conn) {
		s.send(s.lanes(c)[0], []byte("used"))
		ends := s.endsOfAll(s.streams(peer))
		s.closeConn(c, core.CloseAddressChanged)
		for _, err := range ends() {
			s.wantReason(err, core.CloseAddressChanged)
		}
		s.closeConn(peer, core.CloseShutdown)
		for _, lane := range s.streams(peer) {
			s.wantClosed("Recv after both closed", s.recvEnd(lane))
		}
	})
}

// Lane: "the Conn's Close sends before it ends what was handed to any of them";
// and no Recv returns the end before all of that has been received.
func closeComesBehindFramesOfLanes(s *suite) {
	s.eachWay(func(c, peer core.Conn) {
		const total = 1000
		lanes := s.lanes(peer)
		var readers sync.WaitGroup
		readers.Go(func() {
			_, err := peer.Recv()
			s.wantReason(err, core.CloseSlowPeer)
			peer.Close(core.CloseShutdown) // which takes nothing from the others
		})
		for i, lane := range lanes {
			readers.Go(func() {
				s.settle() // the Conn's own Recv waits already
				s.wantNumbered(lane, i, total)
				if _, err := lane.Recv(); !errors.Is(err, net.ErrClosed) {
					s.wantReason(err, core.CloseSlowPeer)
				}
			})
		}
		for i, lane := range s.lanes(c) {
			s.send(lane, numbered(i, total)...)
		}
		s.closeConn(c, core.CloseSlowPeer)
		s.within("Recv", readers.Wait)
	})
}

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
func (s *suite) endsOfAll(all []core.Stream) func() []error {
	errs := make([]error, len(all))
	var done []<-chan struct{}
	for i, stream := range all {
		done = append(done, s.start(func() {
			for errs[i] == nil {
				_, errs[i] = stream.Recv()
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

// Stream: frames above the limit are treated as those of the Conn.
func streamTooLargeFrameEndsTheConnection(s *suite) {
	s.eachWay(func(from, to core.Conn) {
		s.wantTooLarge(from, to, s.MaxFrame)
	})
}

// Stream: "The limit of the Conn's LimitReads applies to all streams".
func limitReadsHoldsForStreams(s *suite) {
	const limit = 1000
	s.eachWay(func(from, to core.Conn) {
		streams := s.streams(from) // or skip
		limiter, ok := to.(core.ReadLimiter)
		if !ok {
			s.Skip("connections of this transport have no limit that can be set")
		}
		limiter.LimitReads(limit)
		for i, stream := range streams {
			s.send(stream, pattern(limit, i))
			if got := s.recv(s.streams(to)[i]); len(got) != limit {
				s.Errorf("Recv: got %d bytes, want %d", len(got), limit)
			}
		}
		s.wantTooLarge(from, to, limit)
	})
}

// wantTooLarge sends a frame above the limit on the last stream.
func (s *suite) wantTooLarge(from, to core.Conn, limit int) {
	s.Helper()
	sending, receiving := s.streams(from), s.streams(to)
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
	both := append(s.allStreams(a), s.allStreams(b)...)
	s.endsOfAll(both)()
	for i, stream := range both {
		var err error
		s.within("Send", func() {
			for n := 0; n < 100 && err == nil; n++ {
				err = stream.Send(s.Context(), numbered(0, 1))
			}
		})
		if err == nil {
			s.Errorf("Send on stream %d: no error after the connection's end", i)
		}
	}
}

// Stream: "A final error ends the whole Conn".
func streamErrorsAreFinalForAll(s *suite) {
	s.eachWay(func(from, to core.Conn) {
		streams := s.streams(from)
		ctx, cancel := context.WithCancel(s.Context())
		cancel()
		if err := streams[0].Send(ctx, numbered(0, 1)); !errors.Is(err, context.Canceled) {
			s.Errorf("Send: got error %v, want one that wraps context.Canceled", err)
		}
		s.wantAllEnded(from, to)
	})
}

// Conn.Close: "unblocks Send and Recv", those of all streams.
func closeUnblocksStreams(s *suite) {
	s.eachWay(func(c, _ core.Conn) {
		all := s.allStreams(c)
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
		for _, stream := range all {
			s.wantClosed("Send after Close", stream.Send(s.Context(), numbered(0, 1)))
		}
	})
}

// Conn.Recv: "a [*CloseError] if the peer closed with a reason", on all streams, used
// or not.
func closeTellsThePeerWhyOnStreams(s *suite) {
	s.eachWay(func(c, peer core.Conn) {
		s.send(s.streams(c)[0], []byte("used"))
		ends := s.endsOfAll(s.allStreams(peer))
		s.closeConn(c, core.CloseAddressChanged)
		for _, err := range ends() {
			s.wantReason(err, core.CloseAddressChanged)
		}
		s.closeConn(peer, core.CloseShutdown)
		for _, stream := range s.allStreams(peer) {
			s.wantClosed("Recv after both closed", s.recvEnd(stream))
		}
	})
}

// Stream: "The Conn's Close first sends what was handed to any of them"; and no Recv
// returns the end before all of that has been received.
func closeComesBehindFramesOfStreams(s *suite) {
	s.eachWay(func(c, peer core.Conn) {
		const total = 1000
		streams := s.streams(peer)
		var readers sync.WaitGroup
		readers.Go(func() {
			_, err := peer.Recv()
			s.wantReason(err, core.CloseSlowPeer)
			peer.Close(core.CloseShutdown) // which takes nothing from the others
		})
		for i, stream := range streams {
			readers.Go(func() {
				s.settle() // the Conn's own Recv waits already
				s.wantNumbered(stream, i, total)
				if _, err := stream.Recv(); !errors.Is(err, net.ErrClosed) {
					s.wantReason(err, core.CloseSlowPeer)
				}
			})
		}
		for i, stream := range s.streams(c) {
			s.send(stream, numbered(i, total)...)
		}
		s.closeConn(c, core.CloseSlowPeer)
		s.within("Recv", readers.Wait)
	})
}

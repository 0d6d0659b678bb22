package transporttest

import (
	"bytes"

	"github.com/socketmesh/mesh/core"
)

// streams returns the numbered streams of a connection.
func (s *suite) streams(c core.Conn) []core.Stream {
	multi, ok := c.(core.MultiStream)
	if !ok || multi.Streams() == 0 {
		s.Skip("connections of this transport have no streams")
	}
	streams := make([]core.Stream, multi.Streams())
	for i := range streams {
		streams[i] = multi.Stream(i)
	}
	return streams
}

// allStreams returns all streams of a connection: the numbered ones, and its own as the last.
func (s *suite) allStreams(c core.Conn) []core.Stream { return append(s.streams(c), c) }

// eachWayOnAll is eachWay with all streams of the two ends.
func (s *suite) eachWayOnAll(f func(from, to []core.Stream)) {
	s.Helper()
	s.eachWay(func(from, to core.Conn) { f(s.allStreams(from), s.allStreams(to)) })
}

// MultiStream.Streams: "constant for the life of the Conn, and the same on both ends".
// MultiStream.Stream: "always the same value for the same number".
func streamNumberIsTheSame(s *suite) {
	a, b := s.pair()
	first, again, peers := s.streams(a), s.streams(a), s.streams(b)
	if len(first) == 0 || len(first) != len(again) || len(first) != len(peers) {
		s.Fatalf("Streams: got %d, then %d, and %d on the other end", len(first), len(again), len(peers))
	}
	for i := range first {
		if first[i] != again[i] {
			s.Errorf("Stream(%d) returns different values", i)
		}
	}
}

// Stream: "Its frames arrive whole".
func streamFramesArriveWhole(s *suite) {
	s.eachWayOnAll(func(from, to []core.Stream) {
		last := len(from) - 2 // the stream with the largest number
		s.wantWhole(from[last], to[last])
	})
}

// Stream: "once, in the order in which they were sent", on all streams at once and in
// both directions.
func streamFramesArriveInOrder(s *suite) {
	const total, batch = 1000, 50
	a, b := s.pair()
	var done []<-chan struct{}
	for _, c := range []core.Conn{a, b} {
		for i, stream := range s.allStreams(c) {
			first := i * 10_000 // a frame on another stream is noticed
			done = append(done,
				s.start(func() { s.wantNumbered(stream, first, total) }),
				s.start(func() {
					for n := 0; n < total; n += batch {
						if err := stream.Send(s.Context(), numbered(first+n, batch)); err != nil {
							s.Errorf("Send on stream %d: %v", i, err)
							return
						}
					}
				}))
		}
	}
	for _, d := range done {
		s.await("Send and Recv", d)
	}
}

// Stream.Send: as Conn.Send, "borrowed until it returns".
func streamSendBorrowsFrames(s *suite) {
	s.eachWayOnAll(func(from, to []core.Stream) { s.wantBorrowed(from[0], to[0]) })
}

// Stream.Recv: as Conn.Recv, the slice is the receiver's until the next one.
func streamRecvMayBeScribbledOver(s *suite) {
	s.eachWayOnAll(func(from, to []core.Stream) { s.wantScribblingAllowed(from[0], to[0]) })
}

// Stream: "A stream whose reader takes nothing [...] does not hold up the others",
// however many of them there are.
func stalledStreamDoesNotHoldUpOthers(s *suite) {
	from, to := s.pair()
	sending, receiving := s.allStreams(from), s.allStreams(to)
	free := len(sending) - 2 // the last stream and the Conn itself
	var stalled []<-chan struct{}
	for _, stream := range sending[:free] {
		stalled = append(stalled, s.start(func() { s.fill(s.Context(), stream) }))
	}
	for range 5 {
		s.settle() // so that they block
	}
	for i := free; i < len(sending); i++ {
		for n := range 8 {
			var got []byte
			var err error
			received := s.start(func() { got, err = receiving[i].Recv() })
			s.send(sending[i], pattern(1<<20, n))
			s.await("Recv beside streams that nobody reads", received)
			if err != nil || !bytes.Equal(got, pattern(1<<20, n)) {
				s.Fatalf("Recv: frame %d: got % x, %v", n, clip(got), err)
			}
		}
		s.wantEcho(sending[i], receiving[i])
	}
	closed := s.start(func() { to.Close(core.CloseShutdown) })
	s.closeConn(from, core.CloseShutdown)
	s.await("Close", closed)
	for _, d := range stalled {
		s.await("Send", d)
	}
}

// Stream: "on which a large frame is under way, does not hold up the others".
func largeFrameDoesNotHoldUpOthers(s *suite) {
	s.eachWayOnAll(func(from, to []core.Stream) {
		large := pattern(s.MaxFrame, 1)
		var err error
		sent := s.start(func() { err = from[0].Send(s.Context(), [][]byte{large}) })
		s.settle() // so that it is under way
		for i := 1; i < len(from); i++ {
			s.wantEcho(from[i], to[i])
		}
		received := s.start(func() {
			if got, err := to[0].Recv(); err != nil || !bytes.Equal(got, large) {
				s.Errorf("Recv: got %d bytes, % x, %v", len(got), clip(got), err)
			}
		})
		for i := 1; i < len(from); i++ {
			s.wantEcho(from[i], to[i])
		}
		s.await("Send", sent)
		if err != nil {
			s.Errorf("Send of %d bytes: %v", len(large), err)
		}
		s.await("Recv", received)
	})
}

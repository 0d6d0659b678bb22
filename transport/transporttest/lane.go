package transporttest

import (
	"bytes"

	"github.com/socketmesh/mesh/core"
)

// lanes returns the lanes of a connection.
func (s *suite) lanes(c core.Conn) []core.Lane {
	laner, ok := c.(core.Laner)
	if !ok || laner.Lanes() == 0 {
		s.Skip("connections of this transport have no lanes")
	}
	lanes := make([]core.Lane, laner.Lanes())
	for i := range lanes {
		lanes[i] = laner.Lane(i)
	}
	return lanes
}

// streams returns all streams of a connection: its lanes, and its own as the last.
func (s *suite) streams(c core.Conn) []core.Lane { return append(s.lanes(c), c) }

// eachWayOnAll is eachWay with all streams of the two ends.
func (s *suite) eachWayOnAll(f func(from, to []core.Lane)) {
	s.Helper()
	s.eachWay(func(from, to core.Conn) { f(s.streams(from), s.streams(to)) })
}

// Laner.Lanes: "constant for the life of the Conn, and the same on both ends".
// Laner.Lane: "always the same value for the same number".
func laneNumberIsTheSame(s *suite) {
	a, b := s.pair()
	first, again, peers := s.lanes(a), s.lanes(a), s.lanes(b)
	if len(first) == 0 || len(first) != len(again) || len(first) != len(peers) {
		s.Fatalf("Lanes: got %d, then %d, and %d on the other end", len(first), len(again), len(peers))
	}
	for i := range first {
		if first[i] != again[i] {
			s.Errorf("Lane(%d) returns different values", i)
		}
	}
}

// Lane: "Its frames arrive whole".
func laneFramesArriveWhole(s *suite) {
	s.eachWayOnAll(func(from, to []core.Lane) {
		last := len(from) - 2 // the lane with the largest number
		s.wantWhole(from[last], to[last])
	})
}

// Lane: "once, in the order in which they were sent", on all lanes at once and in
// both directions.
func laneFramesArriveInOrder(s *suite) {
	const total, batch = 1000, 50
	a, b := s.pair()
	var done []<-chan struct{}
	for _, c := range []core.Conn{a, b} {
		for i, lane := range s.streams(c) {
			first := i * 10_000 // a frame on another lane is noticed
			done = append(done,
				s.start(func() { s.wantNumbered(lane, first, total) }),
				s.start(func() {
					for n := 0; n < total; n += batch {
						if err := lane.Send(s.Context(), numbered(first+n, batch)); err != nil {
							s.Errorf("Send on lane %d: %v", i, err)
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

// Lane.Send: as Conn.Send, "borrowed until it returns".
func laneSendBorrowsFrames(s *suite) {
	s.eachWayOnAll(func(from, to []core.Lane) { s.wantBorrowed(from[0], to[0]) })
}

// Lane.Recv: as Conn.Recv, the slice is the receiver's until the next one.
func laneRecvMayBeScribbledOver(s *suite) {
	s.eachWayOnAll(func(from, to []core.Lane) { s.wantScribblingAllowed(from[0], to[0]) })
}

// Lane: "A lane whose reader takes nothing [...] does not hold up the others",
// however many of them there are.
func stalledLaneDoesNotHoldUpOthers(s *suite) {
	from, to := s.pair()
	sending, receiving := s.streams(from), s.streams(to)
	free := len(sending) - 2 // the last lane and the Conn itself
	var stalled []<-chan struct{}
	for _, lane := range sending[:free] {
		stalled = append(stalled, s.start(func() { s.fill(s.Context(), lane) }))
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
			s.await("Recv beside lanes that nobody reads", received)
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

// Lane: "on which a large frame is under way, does not hold up the others".
func largeFrameDoesNotHoldUpOthers(s *suite) {
	s.eachWayOnAll(func(from, to []core.Lane) {
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

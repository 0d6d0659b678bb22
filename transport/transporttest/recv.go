package transporttest

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/socketmesh/mesh/core"
)

// Conn: "Frames arrive whole". An empty frame is a frame.
func framesArriveWhole(s *suite) {
	s.eachWay(func(from, to core.Conn) { s.wantWhole(from, to) })
}

func (s *suite) wantWhole(from, to core.Stream) {
	s.Helper()
	for i, size := range []int{0, 1, 2, 7, 8, 9, 124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537, 1 << 20, 0, 1} {
		frame := pattern(size, i)
		sent := s.start(func() {
			if err := from.Send(s.Context(), [][]byte{frame}); err != nil {
				s.Errorf("Send of %d bytes: %v", size, err)
			}
		})
		if got := s.recv(to); !bytes.Equal(got, frame) {
			s.Fatalf("Recv: frame of %d bytes: got %d bytes, % x, want % x", size, len(got), clip(got), clip(frame))
		}
		s.await("Send", sent)
	}
}

// Conn: "once, in the order in which they were sent".
func framesArriveInOrder(s *suite) {
	s.eachWay(func(from, to core.Conn) {
		const total = 10_000
		received := s.start(func() { s.wantNumbered(to, 0, total) })
		for i, batch := 0, 1; i < total; i, batch = i+batch, batch%50+1 {
			batch = min(batch, total-i)
			s.send(from, numbered(i, batch)...)
		}
		s.await("Recv", received)
	})
}

// Conn.Send: "writes the frames in order", however many.
func manyFramesInOneSend(s *suite) {
	s.eachWay(func(from, to core.Conn) {
		const total = 5000
		received := s.start(func() { s.wantNumbered(to, 0, total) })
		s.send(from, numbered(0, total)...)
		s.send(from)
		s.await("Recv", received)

		sizes := []int{10, 200_000, 10, 70_000, 0, 70_000, 200_000, 1}
		var frames [][]byte
		for i, size := range sizes {
			frames = append(frames, pattern(size, i))
		}
		received = s.start(func() {
			for _, want := range frames {
				if got, err := to.Recv(); err != nil || !bytes.Equal(got, want) {
					s.Errorf("Recv: frame of %d bytes: got %d bytes, % x, %v", len(want), len(got), clip(got), err)
					return
				}
			}
		})
		s.send(from, frames...)
		s.await("Recv", received)
	})
}

// Conn: "One goroutine may Send while another one Recvs", and neither direction
// holds up the other.
func bothDirectionsAtOnce(s *suite) {
	const total, batch = 20_000, 100
	a, b := s.pair()
	var done []<-chan struct{}
	for _, c := range []core.Conn{a, b} {
		done = append(done,
			s.start(func() { s.wantNumbered(c, 0, total) }),
			s.start(func() {
				for i := 0; i < total; i += batch {
					if err := c.Send(s.Context(), numbered(i, batch)); err != nil {
						s.Errorf("Send: %v", err)
						return
					}
				}
			}))
	}
	for _, d := range done {
		s.await("Send and Recv", d)
	}
}

// Conn.RemoteAddr: "may be called at any time".
func remoteAddrIsKnown(s *suite) {
	a, b := s.pair()
	for _, c := range []core.Conn{a, b} {
		addr := c.RemoteAddr()
		closed := s.start(func() { c.Close(core.CloseShutdown) })
		if addr == "" || c.RemoteAddr() != addr {
			s.Errorf("RemoteAddr: got %q, then %q", addr, c.RemoteAddr())
		}
		s.await("Close", closed)
	}
}

// ChannelBinder.ChannelBinding: "the same on both ends of a connection and differs
// between connections", "constant".
func channelBindingIsOfOneConnection(s *suite) {
	binding := func(c core.Conn) []byte {
		b, ok := c.(core.ChannelBinder)
		if !ok {
			s.Skip("its connections are no core.ChannelBinder")
		}
		return b.ChannelBinding()
	}
	a, b := s.pair()
	ours, theirs := binding(a), binding(b)
	if !bytes.Equal(ours, theirs) || !bytes.Equal(ours, binding(a)) {
		s.Errorf("ChannelBinding: got %x, then %x, and %x at the other end", ours, binding(a), theirs)
	}
	if ours == nil {
		return // without TLS
	}
	if c, _ := s.pair(); len(ours) != 32 || bytes.Equal(ours, binding(c)) {
		s.Errorf("ChannelBinding: got %x, want 32 bytes, and of another connection others than %x", ours, binding(c))
	}
}

// Conn.Recv: "The slice is valid until the next Recv", whatever arrives
// meanwhile.
func recvIsValidUntilNextRecv(s *suite) {
	s.eachWay(func(from, to core.Conn) {
		for i := range 5 {
			s.send(from, pattern(100, i))
			got := s.recv(to)
			s.send(from, numbered(0, 50)...)
			s.settle()
			if !bytes.Equal(got, pattern(100, i)) {
				s.Fatalf("Recv: frame %d has changed before the next Recv", i)
			}
			s.within("Recv", func() { s.wantNumbered(to, 0, 50) })
		}
	})
}

// Conn.Recv: the slice is the receiver's until then.
func recvMayBeScribbledOver(s *suite) {
	s.eachWay(func(from, to core.Conn) { s.wantScribblingAllowed(from, to) })
}

func (s *suite) wantScribblingAllowed(from, to core.Stream) {
	s.Helper()
	frame := pattern(1000, 1)
	s.send(from, slices.Repeat([][]byte{frame}, 20)...)
	for range 20 {
		got := s.recv(to)
		if !bytes.Equal(got, pattern(1000, 1)) {
			s.Fatalf("Recv: got % x", clip(got))
		}
		scribble(got)
		_ = append(got, 0xEE)
	}
	if !bytes.Equal(frame, pattern(1000, 1)) {
		s.Error("Send: the sender's frame was scribbled over by the receiver")
	}
}

// Conn.Recv: "A frame above the transport's limit ends the connection"; one at
// the limit does not.
func recvTakesLargestFrame(s *suite) {
	s.eachWay(func(from, to core.Conn) {
		frame := pattern(s.MaxFrame, 1)
		sent := s.start(func() {
			if err := from.Send(s.Context(), [][]byte{frame}); err != nil {
				s.Errorf("Send of %d bytes: %v", len(frame), err)
			}
		})
		if got := s.recv(to); !bytes.Equal(got, frame) {
			s.Errorf("Recv: got %d bytes, want %d", len(got), len(frame))
		}
		s.await("Send", sent)
		s.wantEcho(from, to)
	})
}

// The same, one byte above the limit. The frames before it arrive, and other
// connections live on.
func tooLargeFrameEndsTheConnection(s *suite) {
	a, b := s.pair()
	s.eachWay(func(from, to core.Conn) {
		sent := s.start(func() {
			ctx, cancel := context.WithTimeout(s.Context(), s.Patience)
			defer cancel()
			from.Send(ctx, [][]byte{[]byte("small"), pattern(s.MaxFrame+1, 1)}) // may fail
		})
		if got := s.recv(to); string(got) != "small" {
			s.Errorf("Recv: got % x", clip(got))
		}
		for range 2 {
			if _, err := s.recvResult(to); !errors.Is(err, core.ErrTooLarge) {
				s.Errorf("Recv: got error %v, want one that wraps core.ErrTooLarge", err)
			}
		}
		closed := s.start(func() { to.Close(core.CloseProtocolError) })
		if err := s.recvEnd(from); err == nil {
			s.Error("Recv: no error on the side that sent too large a frame")
		}
		s.within("Close", func() { from.Close(core.CloseProtocolError) })
		s.await("Close", closed)
		s.await("Send", sent)
	})
	s.wantEcho(a, b)
}

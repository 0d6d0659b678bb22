package transporttest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Conn.Send: "borrowed until it returns".
func sendBorrowsFrames(s *suite) {
	s.eachWay(func(from, to core.Conn) { s.wantBorrowed(from, to) })
}

func (s *suite) wantBorrowed(from, to core.Stream) {
	s.Helper()
	for i, size := range []int{1, 100, 4096, 1 << 20} {
		frames := [][]byte{pattern(size, i), pattern(size, i+1)}
		received := s.start(func() {
			for j := range frames {
				if got, err := to.Recv(); err != nil || !bytes.Equal(got, pattern(size, i+j)) {
					s.Errorf("Recv: frame of %d bytes: got % x, %v", size, clip(got), err)
				}
			}
		})
		s.send(from, frames...)
		scribble(frames[0])
		scribble(frames[1])
		s.await("Recv", received)
	}
}

// Conn.Send: "neither modified nor retained; the caller may be sharing them with
// other connections". The race detector sees to the rest.
func sendLeavesSharedFramesAlone(s *suite) {
	a, x := s.pair()
	y, b := s.pair()
	for _, size := range []int{10, 4096, 200_000} {
		frames := [][]byte{pattern(size, 1), pattern(size, 2)}
		var done []<-chan struct{}
		for _, way := range [][2]core.Conn{{a, x}, {b, y}} {
			done = append(done,
				s.start(func() {
					if err := way[0].Send(s.Context(), frames); err != nil {
						s.Errorf("Send: %v", err)
					}
				}),
				s.start(func() {
					for i := range frames {
						if got, err := way[1].Recv(); err != nil || !bytes.Equal(got, pattern(size, i+1)) {
							s.Errorf("Recv: frame of %d bytes: got % x, %v", size, clip(got), err)
						}
					}
				}))
		}
		for _, d := range done {
			s.await("Send and Recv", d)
		}
		for i, frame := range frames {
			if !bytes.Equal(frame, pattern(size, i+1)) {
				s.Errorf("Send: a frame of %d bytes is not what it was", size)
			}
		}
	}
}

// fill sends until the peer's buffers are full and ctx ends, or anything else
// does. It may run beside the test.
func (s *suite) fill(ctx context.Context, c core.Stream) error {
	frames := slices.Repeat([][]byte{pattern(64<<10, 1)}, 8)
	for range 1024 {
		if err := c.Send(ctx, frames); err != nil {
			return err
		}
	}
	return errors.New("512 MiB were sent and nothing was read")
}

// Conn.Send: "may block until ctx ends. Any error, ctx's included, is final".
func sendBlocksUntilDeadline(s *suite) {
	s.eachWay(func(from, to core.Conn) {
		ctx, cancel := context.WithTimeout(s.Context(), 200*time.Millisecond)
		defer cancel()
		var err error
		s.within("Send", func() { err = s.fill(ctx, from) })
		s.wantDead(from, to, err, context.DeadlineExceeded)
	})
}

// The same, for a context that is cancelled.
func sendBlocksUntilCancelled(s *suite) {
	s.eachWay(func(from, to core.Conn) {
		ctx, cancel := context.WithCancel(s.Context())
		timer := time.AfterFunc(100*time.Millisecond, cancel)
		defer timer.Stop()
		var err error
		s.within("Send", func() { err = s.fill(ctx, from) })
		s.wantDead(from, to, err, context.Canceled)
	})
}

// Conn.Send: the same, for a context that has ended before.
func sendHonoursEndedContext(s *suite) {
	s.eachWay(func(from, to core.Conn) {
		ctx, cancel := context.WithCancel(s.Context())
		cancel()
		err := from.Send(ctx, numbered(0, 1))
		s.wantDead(from, to, err, context.Canceled)
	})
}

// wantDead checks that an error of Send was the one wanted, and that it is
// final.
func (s *suite) wantDead(from, to core.Conn, err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Errorf("Send: got error %v, want one that wraps %v", err, want)
	}
	s.within("Send", func() { err = from.Send(s.Context(), numbered(0, 1)) })
	if err == nil {
		s.Error("Send after an error: no error")
	}
	if err := s.recvEnd(from); err == nil {
		s.Error("Recv after an error of Send: no error")
	}
	closed := s.start(func() { from.Close(core.CloseShutdown) })
	if err := s.recvEnd(to); err == nil {
		s.Error("Recv: no error")
	}
	s.await("Close", closed)
}

// Conn.Send: the end of a context after Send has returned does not affect the Conn.
func sendSurvivesItsContext(s *suite) {
	s.eachWay(func(from, to core.Conn) {
		for range 100 {
			ctx, cancel := context.WithTimeout(s.Context(), s.Patience)
			if err := from.Send(ctx, [][]byte{[]byte("x")}); err != nil {
				s.Fatalf("Send: %v", err)
			}
			cancel()
			s.recv(to)
		}
	})
}

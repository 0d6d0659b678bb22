package transporttest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
)

// suite is what a case works with. Only its own goroutine may end the test.
type suite struct {
	*testing.T
	Fixture

	pairs   core.Listener  // for pair
	running sync.WaitGroup // what was started beside the test
	mu      sync.Mutex
	closes  []func() // of what the case has opened
}

// end closes what the case has opened, and waits for the goroutines that it has started,
// which may still report errors. Goroutines that a broken transport blocks for ever are
// left behind.
func (s *suite) end() {
	s.closeAll()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.running.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(s.Patience):
	}
}

// toClose calls f at the end of the case.
func (s *suite) toClose(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closes = append(s.closes, f)
}

// closeAll closes everything at once: the two ends of a connection may wait for
// each other.
func (s *suite) closeAll() {
	var all sync.WaitGroup
	for _, f := range s.closes {
		all.Go(f)
	}
	all.Wait()
}

// within fails the test if f does not return in time.
func (s *suite) within(what string, f func()) {
	s.Helper()
	s.await(what, s.start(f))
}

// start runs f beside the test.
func (s *suite) start(f func()) <-chan struct{} {
	done := make(chan struct{})
	s.running.Go(func() {
		defer close(done)
		f()
	})
	return done
}

// await fails the test if done is not closed in time.
func (s *suite) await(what string, done <-chan struct{}) {
	s.Helper()
	timer := time.NewTimer(s.Patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		s.Fatalf("%s: still blocked after %v", what, s.Patience)
	}
}

// settle waits a moment, in which a wrong transport does what it must not do.
func (s *suite) settle() {
	<-time.After(20 * time.Millisecond)
}

// listen opens a listener.
func (s *suite) listen() core.Listener {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), s.Patience)
	defer cancel()
	l, err := s.Transport.Listen(ctx, s.Fixture.Listen)
	if err != nil {
		s.Fatalf("Listen: %v", err)
	}
	s.toClose(func() { l.Close() })
	return l
}

// dial connects to a listener.
func (s *suite) dial(l core.Listener) core.Conn {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), s.Patience)
	defer cancel()
	c, err := s.Dialler.Dial(ctx, s.Address(l))
	if err != nil {
		s.Fatalf("Dial: %v", err)
	}
	s.toClose(func() { c.Close(core.CloseShutdown) })
	return c
}

// accept takes the next connection of a listener.
func (s *suite) accept(l core.Listener) core.Conn {
	s.Helper()
	var c core.Conn
	var err error
	s.within("Accept", func() { c, err = l.Accept() })
	if err != nil {
		s.Fatalf("Accept: %v", err)
	}
	s.toClose(func() { c.Close(core.CloseShutdown) })
	return c
}

// pair returns both ends of a new connection.
func (s *suite) pair() (dialled, accepted core.Conn) {
	s.Helper()
	if s.pairs == nil {
		s.pairs = s.listen()
	}
	return s.dial(s.pairs), s.accept(s.pairs)
}

// eachWay runs f on the two directions of a connection in turn, each time on a
// new one.
func (s *suite) eachWay(f func(from, to core.Conn)) {
	s.Helper()
	dialled, accepted := s.pair()
	f(dialled, accepted)
	dialled, accepted = s.pair()
	f(accepted, dialled)
}

// send sends frames, and fails the test on an error.
func (s *suite) send(c core.Stream, frames ...[]byte) {
	s.Helper()
	var err error
	s.within("Send", func() { err = c.Send(s.Context(), frames) })
	if err != nil {
		s.Fatalf("Send: %v", err)
	}
}

// recv returns the next frame, and fails the test on an error.
func (s *suite) recv(c core.Stream) []byte {
	s.Helper()
	frame, err := s.recvResult(c)
	if err != nil {
		s.Fatalf("Recv: %v", err)
	}
	return frame
}

func (s *suite) recvResult(c core.Stream) (frame []byte, err error) {
	s.Helper()
	s.within("Recv", func() { frame, err = c.Recv() })
	return frame, err
}

// recvEnd returns the error of Recv at the end of the connection; it skips the frames
// before it.
func (s *suite) recvEnd(c core.Stream) error {
	s.Helper()
	var err error
	s.within("the end of Recv", func() {
		for err == nil {
			_, err = c.Recv()
		}
	})
	return err
}

// closeConn closes a connection.
func (s *suite) closeConn(c core.Conn, reason core.CloseReason) {
	s.Helper()
	s.within("Close", func() { c.Close(reason) })
}

// wantEcho checks that a connection or a stream works in both directions.
func (s *suite) wantEcho(a, b core.Stream) {
	s.Helper()
	for _, way := range [][2]core.Stream{{a, b}, {b, a}} {
		s.send(way[0], []byte("echo"))
		if got := s.recv(way[1]); string(got) != "echo" {
			s.Fatalf("Recv: got %q, want %q", got, "echo")
		}
	}
}

// wantClosed checks for the error that follows a Close on this side.
func (s *suite) wantClosed(what string, err error) {
	s.Helper()
	if !errors.Is(err, net.ErrClosed) {
		s.Errorf("%s: got error %v, want one that wraps net.ErrClosed", what, err)
	}
}

// wantReason checks for the error that follows a Close of the peer.
func (s *suite) wantReason(err error, want core.CloseReason) {
	s.Helper()
	var closed *core.CloseError
	switch {
	case !errors.As(err, &closed):
		s.Errorf("Recv: got error %v, want a *core.CloseError of %v", err, want)
	case closed.CloseReason != want:
		s.Errorf("Recv: peer closed with %+v, want %+v", closed.CloseReason, want)
	}
}

// wantNamed checks that an error names an address.
func (s *suite) wantNamed(what string, err error, addr string) {
	s.Helper()
	switch {
	case err == nil:
		s.Errorf("%s of %s: no error", what, addr)
	case !strings.Contains(err.Error(), addr):
		s.Errorf("%s of %s: error %q does not name the address", what, addr, err)
	}
}

// pattern is a frame of a size, with content that depends on a number.
func pattern(size, number int) []byte {
	frame := make([]byte, size)
	for i := range frame {
		frame[i] = byte(i*7 + i>>8 + number*31)
	}
	if size >= 8 {
		binary.BigEndian.PutUint64(frame, uint64(number))
	}
	return frame
}

// numbered is a batch of small frames of different sizes.
func numbered(first, count int) [][]byte {
	frames := make([][]byte, count)
	for i := range frames {
		frames[i] = pattern(8+(first+i)%150, first+i)
	}
	return frames
}

// wantNumbered reads frames of numbered. It may run beside the test.
func (s *suite) wantNumbered(c core.Stream, first, count int) {
	for i := first; i < first+count; i++ {
		got, err := c.Recv()
		if err != nil {
			s.Errorf("Recv: frame %d: %v", i, err)
			return
		}
		if want := pattern(8+i%150, i); !bytes.Equal(got, want) {
			s.Errorf("Recv: frame %d: got % x, want % x", i, clip(got), clip(want))
			return
		}
	}
}

// scribble overwrites a frame.
func scribble(frame []byte) {
	for i := range frame {
		frame[i] = 0xEE
	}
}

// clip keeps messages readable.
func clip(b []byte) []byte { return b[:min(len(b), 32)] }

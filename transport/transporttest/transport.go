package transporttest

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/socketmesh/mesh/core"
)

// Transport.Name: "lower-case, constant".
func nameIsConstant(s *suite) {
	name := s.Transport.Name()
	if name == "" || name != strings.ToLower(name) {
		s.Errorf("Name: got %q, want something in lower case", name)
	}
	if again := s.Transport.Name(); again != name {
		s.Errorf("Name: got %q, then %q", name, again)
	}
}

// Transport.Listen: "when the address is bound, or with the error that names
// addr".
func listenNamesTakenAddress(s *suite) {
	addr := s.listen().Addr()
	l, err := s.Transport.Listen(s.Context(), addr)
	s.wantNamed("second Listen", err, addr)
	if err == nil {
		l.Close()
	}
}

// Listener.Close: "stops listening".
func listenAgainAfterClose(s *suite) {
	l := s.listen()
	addr := l.Addr()
	s.within("Close", func() { l.Close() })
	again, err := s.Transport.Listen(s.Context(), addr)
	if err != nil {
		s.Fatalf("Listen at %s again: %v", addr, err)
	}
	s.toClose(func() { again.Close() })
	s.wantEcho(s.dial(again), s.accept(again))
}

// Transport.Listen: "ctx limits the call, not the listener's life".
func listenContextLimitsTheCall(s *suite) {
	ctx, cancel := context.WithCancel(s.Context())
	l, err := s.Transport.Listen(ctx, s.Fixture.Listen)
	if err != nil {
		s.Fatalf("Listen: %v", err)
	}
	s.toClose(func() { l.Close() })
	cancel()
	s.settle()
	s.wantEcho(s.dial(l), s.accept(l))
}

// Transport.Dial: an error that names the address.
func dialNamesUnreachableAddress(s *suite) {
	s.wantDialError(s.Nowhere)
}

// Transport.Dial: "An address that this transport cannot dial is refused with an
// error that names it".
func dialNamesBadAddress(s *suite) {
	if s.BadAddress == "" {
		s.Skip("this transport can dial any address")
	}
	s.wantDialError(s.BadAddress)
}

func (s *suite) wantDialError(addr string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), s.Patience)
	defer cancel()
	c, err := s.Dialler.Dial(ctx, addr)
	s.wantNamed("Dial", err, addr)
	if err == nil {
		c.Close(core.CloseShutdown)
	}
}

// Transport.Dial: "ctx limits the call".
func dialHonoursEndedContext(s *suite) {
	l := s.listen()
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	c, err := s.Dialler.Dial(ctx, s.Address(l))
	if !errors.Is(err, context.Canceled) {
		s.Errorf("Dial: got error %v, want one that wraps context.Canceled", err)
	}
	s.wantNamed("Dial", err, s.Address(l))
	if err == nil {
		c.Close(core.CloseShutdown)
	}
}

// Transport.Dial: "not the connection's life".
func dialContextLimitsTheCall(s *suite) {
	l := s.listen()
	ctx, cancel := context.WithTimeout(s.Context(), s.Patience)
	c, err := s.Dialler.Dial(ctx, s.Address(l))
	if err != nil {
		s.Fatalf("Dial: %v", err)
	}
	s.toClose(func() { c.Close(core.CloseShutdown) })
	cancel()
	s.settle()
	s.wantEcho(c, s.accept(l))
}

// Transport: "Listen and Dial are safe for concurrent use".
func manyDialAtOnce(s *suite) {
	const many = 32
	l := s.listen()
	var dials sync.WaitGroup
	for i := range many {
		dials.Go(func() {
			ctx, cancel := context.WithTimeout(s.Context(), s.Patience)
			defer cancel()
			c, err := s.Dialler.Dial(ctx, s.Address(l))
			if err != nil {
				s.Errorf("Dial: %v", err)
				return
			}
			s.toClose(func() { c.Close(core.CloseShutdown) })
			if err := c.Send(ctx, [][]byte{{byte(i)}}); err != nil {
				s.Errorf("Send: %v", err)
			}
		})
	}
	seen := map[byte]bool{}
	for range many {
		seen[s.recv(s.accept(l))[0]] = true
	}
	s.within("Dial", dials.Wait)
	if len(seen) != many {
		s.Errorf("got %d of %d connections", len(seen), many)
	}
}

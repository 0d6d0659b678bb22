package transporttest

import (
	"context"

	"github.com/socketmesh/mesh/core"
)

// Listener.Close: "unblocks Accept", which "returns an error that wraps
// net.ErrClosed".
func closeUnblocksAccept(s *suite) {
	l := s.listen()
	var err error
	done := s.start(func() { _, err = l.Accept() })
	s.settle() // so that it blocks
	s.within("Close", func() { l.Close() })
	s.await("Accept", done)
	s.wantClosed("Accept", err)
	_, err = l.Accept()
	s.wantClosed("Accept after Close", err)
}

// Listener.Close: "is idempotent"; "All methods are safe for concurrent use".
func listenerCloseIsIdempotent(s *suite) {
	l := s.listen()
	first, second := s.start(func() { l.Close() }), s.start(func() { l.Close() })
	s.await("Close", first)
	s.await("Close", second)
	s.within("third Close", func() { l.Close() })
	if l.Addr() == "" {
		s.Error("Addr: nothing after Close")
	}
}

// Listener.Close: "leaves accepted connections alone".
func closeLeavesAcceptedAlone(s *suite) {
	l := s.listen()
	dialled, accepted := s.dial(l), s.accept(l)
	s.within("Close", func() { l.Close() })
	s.wantEcho(dialled, accepted)
}

// Listener.Close: "refuses connections that were not accepted".
func closeRefusesPending(s *suite) {
	l := s.listen()
	c := s.dial(l)
	s.within("Close", func() { l.Close() })
	if err := s.recvEnd(c); err == nil {
		s.Error("Recv: no error")
	}
}

// Listener.Close: "stops listening".
func closedIsNotDialled(s *suite) {
	l := s.listen()
	addr := s.Address(l)
	s.within("Close", func() { l.Close() })
	ctx, cancel := context.WithTimeout(s.Context(), s.Patience)
	defer cancel()
	c, err := s.Dialler.Dial(ctx, addr)
	s.wantNamed("Dial", err, addr)
	if err == nil {
		c.Close(core.CloseShutdown)
	}
}

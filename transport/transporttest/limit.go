package transporttest

import (
	"bytes"
	"context"
	"errors"

	"github.com/socketmesh/mesh/core"
)

// ReadLimiter.LimitReads: "bounds the frames of later Recvs, in bytes. A larger one
// ends the connection". A node calls it twice: for strangers, and for peers.
func limitReadsBoundsLaterRecvs(s *suite) {
	s.eachWay(func(from, to core.Conn) {
		limiter, ok := to.(core.ReadLimiter)
		if !ok {
			s.Skip("no core.ReadLimiter: the transport's own limit is for all frames")
		}
		for _, limit := range []int{1000, 50_000} {
			limiter.LimitReads(limit)
			for _, size := range []int{limit, 1} {
				s.send(from, pattern(size, 1))
				if got := s.recv(to); !bytes.Equal(got, pattern(size, 1)) {
					s.Errorf("Recv with a limit of %d: got %d bytes, want %d", limit, len(got), size)
				}
			}
		}
		sent := s.start(func() {
			ctx, cancel := context.WithTimeout(s.Context(), s.Patience)
			defer cancel()
			from.Send(ctx, [][]byte{pattern(50_001, 1)}) // may fail
		})
		if _, err := s.recvResult(to); !errors.Is(err, core.ErrTooLarge) {
			s.Errorf("Recv of 50001 bytes with a limit of 50000: got error %v, want one that wraps core.ErrTooLarge", err)
		}
		closed := s.start(func() { to.Close(core.CloseProtocolError) })
		if err := s.recvEnd(from); err == nil {
			s.Error("Recv: no error on the side that sent too large a frame")
		}
		s.within("Close", func() { from.Close(core.CloseProtocolError) })
		s.await("Close", closed)
		s.await("Send", sent)
	})
}

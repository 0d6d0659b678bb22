package transporttest

import (
	"strings"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Conn.Close: "unblocks Send and Recv"; Recv returns an error "that wraps
// net.ErrClosed after a Close on this side".
func closeUnblocksRecv(s *suite) {
	s.eachWay(func(c, _ core.Conn) {
		var err error
		received := s.start(func() { _, err = c.Recv() })
		s.settle() // so that it blocks
		s.closeConn(c, core.CloseShutdown)
		s.await("Recv", received)
		s.wantClosed("Recv", err)
	})
}

// The same, for a Send to a peer that does not read.
func closeUnblocksSend(s *suite) {
	s.eachWay(func(c, _ core.Conn) {
		var err error
		full := s.start(func() { err = s.fill(s.Context(), c) })
		timer := time.NewTimer(100 * time.Millisecond) // by then it blocks
		defer timer.Stop()
		select {
		case <-full:
			s.Fatalf("Send: %v", err)
		case <-timer.C:
		}
		s.closeConn(c, core.CloseShutdown)
		s.await("Send", full)
		s.wantClosed("Send", err)
	})
}

// Conn.Close: "ends the connection".
func closeEndsSendAndRecv(s *suite) {
	s.eachWay(func(c, peer core.Conn) {
		s.send(peer, []byte("not read"))
		s.closeConn(c, core.CloseShutdown)
		_, err := s.recvResult(c)
		s.wantClosed("Recv after Close", err)
		s.wantClosed("Send after Close", c.Send(s.Context(), numbered(0, 1)))
	})
}

// Conn.Close: "is idempotent (the first reason counts)"; "may be called at any
// time by anyone".
func closeIsIdempotent(s *suite) {
	s.eachWay(func(c, peer core.Conn) {
		s.closeConn(c, core.CloseAddressChanged)
		first := s.start(func() { c.Close(core.CloseShutdown) })
		second := s.start(func() { c.Close(core.CloseShutdown) })
		s.await("second Close", first)
		s.await("third Close", second)
		s.wantReason(s.recvEnd(peer), core.CloseAddressChanged)
		s.wantReason(s.recvEnd(peer), core.CloseAddressChanged)
		s.closeConn(peer, core.CloseShutdown)
		s.wantClosed("Recv after both closed", s.recvEnd(peer))
	})
}

// Conn.Recv: "a [*CloseError] if the peer closed with a reason".
func closeTellsThePeerWhy(s *suite) {
	for _, reason := range []core.CloseReason{
		core.CloseShutdown,
		core.CloseHelloInvalid,
		core.CloseBusy,
		{Code: 1000},
		{Code: 4401, Text: "unauthorized"},
		{Code: 1001, Text: "größer: " + strings.Repeat("x", 113)}, // 123 bytes
	} {
		s.eachWay(func(c, peer core.Conn) {
			closed := s.start(func() { c.Close(reason) })
			s.wantReason(s.recvEnd(peer), reason)
			s.closeConn(peer, core.CloseShutdown)
			s.await("Close", closed)
		})
	}
}

// Conn.Close: "Frames already handed to Send are sent before".
func closeComesBehindFrames(s *suite) {
	s.eachWay(func(c, peer core.Conn) {
		const total = 3000
		var err error
		received := s.start(func() {
			s.wantNumbered(peer, 0, total)
			_, err = peer.Recv()
			peer.Close(core.CloseShutdown)
		})
		s.send(c, numbered(0, total)...)
		s.closeConn(c, core.CloseSlowPeer)
		s.await("Recv", received)
		s.wantReason(err, core.CloseSlowPeer)
	})
}

// The same, while the peer is sending: although its own frames are not read, it gets the
// frames and the reason.
func closeReachesBusyPeer(s *suite) {
	s.eachWay(func(c, peer core.Conn) {
		const total = 1000
		busy := s.start(func() { s.fill(s.Context(), peer) })
		var err error
		received := s.start(func() {
			s.wantNumbered(peer, 0, total)
			_, err = peer.Recv()
			peer.Close(core.CloseShutdown)
		})
		s.send(c, numbered(0, total)...)
		s.closeConn(c, core.CloseAddressChanged)
		s.await("Recv", received)
		s.wantReason(err, core.CloseAddressChanged)
		s.await("Send", busy)
	})
}

// Conn.Close: "as far as that is possible without blocking for long".
func closeDoesNotWaitForSilentPeer(s *suite) {
	s.eachWay(func(c, _ core.Conn) {
		began := time.Now()
		s.closeConn(c, core.CloseShutdown)
		if took := time.Since(began); took > s.Patience/2 {
			s.Errorf("Close took %v", took)
		}
	})
}

// Conn: "Close and RemoteAddr may be called at any time by anyone".
func closeAtAnyTime(s *suite) {
	l := s.listen()
	for i := range 10 {
		a, b := s.dial(l), s.accept(l)
		var all sync.WaitGroup
		for _, c := range []core.Conn{a, b} {
			all.Go(func() {
				for c.Send(s.Context(), numbered(0, 10)) == nil {
				}
			})
			all.Go(func() {
				for n := 0; ; n++ {
					if _, err := c.Recv(); err != nil {
						c.Close(core.CloseShutdown)
						return
					}
					if n == 20*i {
						all.Go(func() { c.Close(core.CloseShutdown) })
						c.Close(core.CloseAddressChanged)
						_ = c.RemoteAddr()
					}
				}
			})
		}
		done := s.start(all.Wait)
		s.await("everything", done)
	}
}

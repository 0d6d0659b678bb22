package quic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	quicgo "github.com/quic-go/quic-go"
)

// The number of handshakes in progress from which on diallers have to prove their
// address, and the number above which a listener refuses them.
const (
	verifyHandshakes = 64
	maxHandshakes    = 256
)

var errTooManyHandshakes = errors.New("too many handshakes are in progress")

// handshakeLimiter bounds the handshakes in progress at a listener, and reports
// those that fail.
type handshakeLimiter struct {
	refused func(remote string, err error)
	advice  string // see credentials

	inProgress atomic.Int64
	ended      sync.WaitGroup // of inProgress
}

// handshake is one handshake in progress.
type handshake struct {
	stop func() bool // stops waiting for the failure; false if it has failed
}

type handshakeKey struct{}

// begin counts a handshake; it is the library's ConnContext. ctx ends with the
// connection, during the handshake or later. It returns the context of the
// connection, in which complete finds the handshake.
func (h *handshakeLimiter) begin(ctx context.Context, info *quicgo.ClientInfo) (context.Context, error) {
	remote := info.RemoteAddr.String()
	if h.inProgress.Add(1) > maxHandshakes {
		h.inProgress.Add(-1)
		h.refused(remote, errTooManyHandshakes)
		return nil, errTooManyHandshakes
	}
	h.ended.Add(1)
	stop := context.AfterFunc(ctx, func() {
		h.refused(remote, fmt.Errorf("handshake: %w", explain(context.Cause(ctx), h.advice)))
		h.end()
	})
	return context.WithValue(ctx, handshakeKey{}, &handshake{stop}), nil
}

// complete ends the handshake of a connection that the library has accepted.
func (h *handshakeLimiter) complete(quic *quicgo.Conn) {
	if current, ok := quic.Context().Value(handshakeKey{}).(*handshake); ok && current.stop() {
		h.end()
	}
}

func (h *handshakeLimiter) end() {
	h.inProgress.Add(-1)
	h.ended.Done()
}

// mustVerify reports whether a dialler has to prove its address; it is the library's
// VerifySourceAddress.
func (h *handshakeLimiter) mustVerify(net.Addr) bool {
	return h.inProgress.Load() >= verifyHandshakes
}

package quic

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	quicgo "github.com/quic-go/quic-go"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/pendingset"
)

// verifyHandshakes is the number of handshakes in progress from which on diallers have to
// prove their address, and get less time.
const verifyHandshakes = 64

// handshakeLimits are the numbers of handshakes in progress that a listener allows: in
// total, and per source.
type handshakeLimits struct{ all, ofSource int }

var defaultHandshakeLimits = handshakeLimits{256, 128}

var (
	errTooManyHandshakes = fmt.Errorf("%w: too many handshakes are in progress", core.ErrBusy)
	errOldestHandshake   = fmt.Errorf("%w, and this one is the oldest", errTooManyHandshakes)
)

// handshakeLimiter limits the handshakes in progress at a listener, and reports those
// that fail. Each is in one of two sets. In starting are those of which the library has
// not received a whole ClientHello: they cannot be ended, so when there are too many, a
// new one is refused. In pending are the others, until the prefaces were exchanged: when
// there are too many, the oldest one is closed.
type handshakeLimiter struct {
	refused func(remote string, err error)
	admit   atomic.Pointer[func(remote string) error] // nil admits all connections
	advice  string                                    // see credentials

	starting *pendingset.Set[*handshake]
	pending  *pendingset.Set[*handshake]

	inProgress atomic.Int64   // handshakes that the library is doing
	ended      sync.WaitGroup // waits for inProgress, and for what evict closes
}

func newHandshakeLimiter(advice string, limits handshakeLimits) *handshakeLimiter {
	return &handshakeLimiter{
		advice:   advice,
		starting: pendingset.NewPerSource[*handshake](limits.all, limits.ofSource),
		pending:  pendingset.NewPerSource[*handshake](limits.all, limits.ofSource),
	}
}

// handshake is one handshake in progress.
type handshake struct {
	source  netip.Prefix // zero until the address is proven: a forged address must not use up another host's share
	quic    *quicgo.Conn // nil while it is starting
	stop    func() bool  // stops waiting for a failure; false if the handshake has failed
	failed  atomic.Bool
	evicted atomic.Bool
}

type handshakeKey struct{}

// begin counts a handshake; it is the library's ConnContext. ctx ends with the
// connection, during the handshake or later. It returns the context of the
// connection, in which the listener finds the handshake.
func (h *handshakeLimiter) begin(ctx context.Context, info *quicgo.ClientInfo) (context.Context, error) {
	remote := info.RemoteAddr.String()
	current := &handshake{}
	if info.AddrVerified {
		current.source = pendingset.Source(remote)
	}
	if err := h.admits(remote); err != nil && info.AddrVerified {
		h.refused(remote, err)
		return nil, err
	}
	if !h.starting.TryAddFrom(current.source, current) {
		h.refused(remote, errTooManyHandshakes)
		return nil, errTooManyHandshakes
	}
	h.inProgress.Add(1)
	h.ended.Add(1)
	current.stop = context.AfterFunc(ctx, func() {
		current.failed.Store(true)
		h.starting.Remove(current)
		h.pending.Remove(current)
		why := explain(context.Cause(ctx), h.advice)
		if current.evicted.Load() {
			why = errOldestHandshake
		}
		h.refused(remote, fmt.Errorf("handshake: %w", why))
		h.end()
	})
	return context.WithValue(ctx, handshakeKey{}, current), nil
}

// of returns the handshake of a connection that the library has accepted.
func (*handshakeLimiter) of(quic *quicgo.Conn) *handshake {
	return quic.Context().Value(handshakeKey{}).(*handshake)
}

// started notes that the library has read a ClientHello. If too many are pending, the
// oldest one is closed.
func (h *handshakeLimiter) started(current *handshake, quic *quicgo.Conn) {
	current.quic = quic
	if !h.starting.Remove(current) {
		return // it has failed
	}
	h.add(current)
	if current.failed.Load() { // perhaps before it was added
		h.pending.Remove(current)
	}
}

// add makes a handshake pending, and closes the oldest one if there are too many.
func (h *handshakeLimiter) add(current *handshake) {
	if oldest, evicted := h.pending.AddFrom(current.source, current); evicted {
		oldest.evicted.Store(true)
		h.ended.Go(func() { oldest.quic.CloseWithError(applicationCode(core.CloseBusy)) })
	}
}

// secured waits for the end of the library's part of a handshake. It reports false if the
// handshake has failed; the failure was reported by then.
func (h *handshakeLimiter) secured(ctx context.Context, current *handshake) bool {
	select {
	case <-current.quic.HandshakeComplete():
	case <-current.quic.Context().Done():
		return false
	case <-ctx.Done():
		current.quic.CloseWithError(applicationCode(core.CloseGoingAway))
		return false
	}
	if !current.stop() {
		return false
	}
	if !current.source.IsValid() && h.pending.Remove(current) {
		current.source = pendingset.Source(current.quic.RemoteAddr().String())
		h.add(current)
	}
	h.end()
	return true
}

// complete removes a handshake that has ended, with success or not.
func (h *handshakeLimiter) complete(current *handshake) { h.pending.Remove(current) }

func (h *handshakeLimiter) end() {
	h.inProgress.Add(-1)
	h.ended.Done()
}

// mustVerify reports whether a dialler has to prove its address; it is the library's
// VerifySourceAddress. An address is not refused before it is proven: it may be forged.
func (h *handshakeLimiter) mustVerify(remote net.Addr) bool {
	return h.many() || h.admits(remote.String()) != nil
}

// admits returns why a connection from an address is not accepted, or nil.
func (h *handshakeLimiter) admits(remote string) error {
	if admit := h.admit.Load(); admit != nil {
		return (*admit)(remote)
	}
	return nil
}

// many reports whether so many handshakes are in progress that some may be an attack.
func (h *handshakeLimiter) many() bool { return h.inProgress.Load() >= verifyHandshakes }

// configure gives diallers less time while many handshakes are in progress. It is
// the library's GetConfigForClient.
func (h *handshakeLimiter) configure(usual *quicgo.Config) func(*quicgo.ClientInfo) (*quicgo.Config, error) {
	hurried := usual.Clone()
	hurried.HandshakeIdleTimeout = usual.HandshakeIdleTimeout / 4
	return func(*quicgo.ClientInfo) (*quicgo.Config, error) {
		if h.many() {
			return hurried, nil
		}
		return usual, nil
	}
}

package node

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backoff"
	"github.com/socketmesh/mesh/internal/pendingset"
)

// accept accepts connections until the listener is closed.
func (n *Node) accept() {
	for {
		conn, err := n.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			n.logLimit.Log(n.log, slog.LevelWarn, "accept", "cannot accept a connection", "error", err)
			if !backoff.Sleep(n.ctx, 10*time.Millisecond) {
				return
			}
			continue
		}
		if !n.failures.allows(sourceOf(conn)) {
			n.work.Go(func() { n.refuse(conn, core.CloseBusy, errTooManyFailures) })
			continue
		}
		p := &pendingConn{conn}
		if oldest, evicted := n.pending.Add(p); evicted {
			n.work.Go(func() { n.refuse(oldest.conn, core.CloseBusy, core.ErrBusy) })
		}
		n.work.Go(func() { n.admit(p) })
	}
}

// pendingConn is a connection whose dialler has not sent HELLO.
type pendingConn struct{ conn core.Conn }

// admit does the handshake with a dialler, and runs the link that results.
func (n *Node) admit(p *pendingConn) {
	conn := p.conn
	l, err := n.acceptHandshake(conn)
	if !n.pending.Remove(p) && err != nil {
		return // a newer connection has evicted this one, and accept has refused it
	}
	if err != nil {
		n.failures.note(sourceOf(conn), err)
		n.refuse(conn, reasonFor(err), err)
		return
	}
	l.run()
}

// reasonFor returns the close reason that tells the peer why a handshake has failed.
func reasonFor(err error) core.CloseReason {
	var mismatch *core.MismatchError
	switch {
	case errors.Is(err, errHandshakeTimeout):
		return core.CloseHelloTimeout
	case errors.As(err, &mismatch):
		return core.CloseMismatch
	case errors.Is(err, core.ErrSelf):
		return closeSelf
	case errors.Is(err, errRoles):
		return closeRoles
	case errors.Is(err, core.ErrRelayed):
		return closeRelayed
	case errors.Is(err, errWrongKey):
		return core.CloseHelloInvalid
	case errors.Is(err, core.ErrDuplicateID):
		return core.CloseDuplicate
	case errors.Is(err, core.ErrClosed):
		return core.CloseGoingAway
	case errors.Is(err, core.ErrBusy):
		return core.CloseBusy
	}
	return core.CloseHelloInvalid
}

// closeSelf tells a Go node that it has dialled itself. A reference peer gets the close
// code that the reference uses.
var closeSelf = core.CloseReason{Code: 1002, Text: "self"}

// closeRelayed tells a Go node that a third party relays between the two.
var closeRelayed = core.CloseReason{Code: 1002, Text: "relayed"}

// refuse counts, logs and closes a connection that is not accepted.
func (n *Node) refuse(conn core.Conn, reason core.CloseReason, why error) {
	n.stats.refused(conn.RemoteAddr(), why)
	if !errors.Is(why, core.ErrSelf) && !errors.Is(why, core.ErrClosed) && !errors.Is(why, errRoles) {
		n.logLimit.Log(n.log, slog.LevelWarn, "refuse"+reason.Text, "refusing a connection", "remote", conn.RemoteAddr(), "error", why)
	}
	conn.Close(reason)
}

// turnedAway is called for each connection that the transport refuses.
func (n *Node) turnedAway(remote string, why error) {
	n.stats.refused(remote, why)
	n.failures.note(pendingset.Source(remote), why)
	n.lastTurnedAway.Store(&why)
	n.logLimit.Log(n.log, slog.LevelWarn, "turned away", "refusing a connection", "remote", remote, "error", why)
}

// acceptHandshake is the acceptor's side of the handshake.
func (n *Node) acceptHandshake(conn core.Conn) (l *link, err error) {
	ctx, cancel := context.WithTimeout(n.ctx, n.cfg.HandshakeTimeout)
	defer cancel()
	limitReads(conn, maxHandshake)
	src, err := n.await(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	h, err := decodeHello(src, frameHello)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			n.attemptFailed(core.Peer{ID: h.uid, Address: h.address}, err)
		}
	}()
	if h.uid == n.id {
		if h.offer == nil {
			return nil, fmt.Errorf("%w: hello with this node's own uid", core.ErrMalformed)
		}
		return nil, core.ErrSelf
	}
	if h.offer == nil {
		return n.acceptReference(conn, h)
	}
	ours := n.offer(h.offer.link, n.binding(conn, false))
	said := transcriptOf(src, appendHello(nil, frameWelcome, n.ownHello(ours)))
	if said.secret, err = n.key.shared(ours, h.offer); err != nil {
		return nil, fmt.Errorf("node %.64q: %w", h.uid, err)
	}
	if err := conn.Send(ctx, [][]byte{said.welcome}); err != nil {
		return nil, fmt.Errorf("welcome: %w", err)
	}
	if err := cmp.Or(checkBinding(ours, h.offer), n.checkRoles(h, false), n.checkCertificate(conn, h)); err != nil {
		return nil, fmt.Errorf("node %.64q: %w", h.uid, err)
	}
	terms, err := agree(ours, h.offer)
	if err != nil {
		return nil, fmt.Errorf("node %.64q at %.128q: %w", h.uid, h.address, err)
	}
	if err := n.acceptProof(ctx, conn, h, said); err != nil {
		return nil, fmt.Errorf("node %.64q: %w", h.uid, err)
	}
	return n.attachLink(conn, h, terms, h.offer.link, false)
}

// acceptReference makes a link with a reference peer, which expects no answer to its
// HELLO.
func (n *Node) acceptReference(conn core.Conn, h *hello) (*link, error) {
	if n.cfg.RefuseReferencePeers {
		return nil, fmt.Errorf("node %.64q: %w", h.uid, errReferencePeer)
	}
	if err := n.checkCertificate(conn, h); err != nil {
		return nil, fmt.Errorf("node %.64q: %w", h.uid, err)
	}
	if err := n.authorise(h); err != nil {
		return nil, fmt.Errorf("node %.64q: %w", h.uid, err)
	}
	if n.reference < 0 {
		return nil, fmt.Errorf("reference peer %.64q: %w", h.uid, n.noReferenceCodec())
	}
	return n.attachLink(conn, h, terms{codec: n.reference}, "", false)
}

// errReferencePeer is why this node makes no link with reference peers: they cannot prove
// that they have the token without sending it, and would have to be sent it.
var errReferencePeer = fmt.Errorf("%w: a reference peer, and AllowReferencePeers is off", core.ErrUnauthorized)

// noReferenceCodec is the error for a node that does not have the reference's codec.
func (n *Node) noReferenceCodec() error {
	theirs := offer{codecs: []string{referenceCodec}}
	return &core.MismatchError{Ours: n.offer("", "").String(), Theirs: theirs.String(), Err: core.ErrNoCommonCodec}
}

var errHandshakeTimeout = errors.New("handshake timed out")

// maxHandshake limits the bytes that a stranger can make the node hold.
const maxHandshake = 64 << 10

func limitReads(conn core.Conn, bytes int) {
	if l, ok := conn.(core.ReadLimiter); ok {
		l.LimitReads(bytes)
	}
}

// await receives the next frame of a handshake. When ctx ends it closes conn and
// returns errHandshakeTimeout, or [core.ErrClosed] if the node has been shut down.
func (n *Node) await(ctx context.Context, conn core.Conn) ([]byte, error) {
	stop := context.AfterFunc(ctx, func() {
		if n.ctx.Err() != nil {
			conn.Close(core.CloseGoingAway)
			return
		}
		conn.Close(core.CloseHelloTimeout)
	})
	src, err := conn.Recv()
	if !stop() {
		if n.ctx.Err() != nil {
			return nil, core.ErrClosed
		}
		return nil, errHandshakeTimeout
	}
	return src, err
}

// ownHello returns this node's HELLO or WELCOME. Without an offer it is for a reference
// peer and contains the token.
func (n *Node) ownHello(o *offer) *hello {
	h := &hello{uid: n.id, address: n.advertised, offer: o}
	if o == nil {
		h.token = n.ownToken()
	}
	return h
}

// features lists the optional parts of the protocol that this node understands.
func (n *Node) features() []string {
	features := []string{featureBatch, featureFlush, featureAsk, featureResume, featureRoles, featureLost}
	if n.cfg.Routing == core.RoutingInterest && n.cfg.Role == core.RoleServer {
		features = append(features, featureInterest, featureMark)
	}
	return features
}

// offer returns what this node offers for a link, on a connection with that binding.
func (n *Node) offer(link, binding string) *offer {
	names := make([]string, len(n.cfg.Codecs))
	for i, c := range n.cfg.Codecs {
		names[i] = c.Name()
	}
	o := &offer{minVersion: minVersion, maxVersion: maxVersion, codecs: names, features: n.features(), link: link, process: n.process}
	if n.guarded() {
		o.nonce = rand.Text()
	}
	o.key, o.challenge = n.key.public, rand.Text()
	o.role = string(notServer(n.cfg.Role))
	o.binding = binding
	if n.dialect != nil {
		o.as(n.dialect)
	}
	return o
}

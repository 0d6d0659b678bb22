package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/advertise"
	"github.com/socketmesh/mesh/internal/backoff"
)

// maxTargets bounds the addresses a roster can make the node dial.
const maxTargets = 4096

// lingerFor is how long an address that is not in the roster any more is still
// dialled after its link was lost: the roster may be wrong.
const lingerFor = time.Minute

// dialTarget is an address to dial, with a goroutine that sees to it. Its fields are
// guarded by the node's lock.
type dialTarget struct {
	id      string // of the peer that is expected, or was met there; "" if unknown
	address string
	listed  bool          // in the roster
	taken   bool          // not in the roster, which has another node at the address
	since   time.Time     // when it last changed listed, or lost its link
	wake    chan struct{} // wakes the goroutine: the address may work now
}

// discover runs the discovery for the life of the node.
func (n *Node) discover() {
	self := core.Peer{ID: n.id, Address: n.Advertised()}
	err := n.cfg.Discovery.Run(n.listed, self, n.update)
	if err != nil && n.listed.Err() == nil {
		n.log.Error("discovery has failed; no more peers will be found", "discovery", n.cfg.Discovery.Name(), "error", err)
	}
}

// update takes a roster: new addresses are dialled. It never ends a link.
func (n *Node) update(peers []core.Peer) {
	var later deferred
	defer later.run()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state != stateRunning {
		return
	}
	n.discovered = time.Now()
	var schemes []string
	if t, ok := n.cfg.Transport.(core.Schemer); ok {
		schemes = t.Schemes()
	}
	n.roster.replace(slices.DeleteFunc(slices.Clone(peers), func(p core.Peer) bool { return p.Address == "" || n.isSelf(p) }), time.Now())
	listed := map[string]bool{}
	taken := map[string]bool{} // addresses
	for _, p := range peers {
		taken[p.Address] = true
		if p.Address == "" || n.isSelf(p) {
			continue
		}
		if scheme, ok := advertise.Dials(schemes, p.Address); !ok {
			later.add(func() {
				n.logLimit.Log(n.log, slog.LevelWarn, "scheme "+scheme, "ignoring peers whose addresses are for another transport",
					"transport", n.cfg.Transport.Name(), "address", p.Address, "peer", p.ID)
			})
			continue
		}
		if p.ID != "" && n.id > p.ID {
			continue // that one dials
		}
		key := rosterKey(p)
		if n.targets[key] == nil && len(n.targets) >= maxTargets {
			later.add(func() {
				n.logLimit.Log(n.log, slog.LevelWarn, "roster", "roster is too large: ignoring the rest", "limit", maxTargets)
			})
			break
		}
		listed[key] = true
		n.list(key, p)
	}
	now := time.Now()
	for key, t := range n.targets {
		if t.listed && !listed[key] {
			t.listed, t.since = false, now
		}
		t.taken = !t.listed && taken[t.address]
	}
}

// isSelf tells whether an entry of a roster is this node; n.mu is held.
func (n *Node) isSelf(p core.Peer) bool {
	return p.ID == n.id || p.ID == "" && p.Address == n.advertised
}

// list enters an address, or confirms it; n.mu is held.
func (n *Node) list(key string, p core.Peer) {
	t := n.targets[key]
	if t == nil {
		t = &dialTarget{id: p.ID, address: p.Address, listed: true, wake: make(chan struct{}, 1)}
		n.targets[key] = t
		n.work.Go(func() { n.dialLoop(key, t) })
		return
	}
	if !t.listed || t.address != p.Address {
		t.address, t.listed = p.Address, true
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// dialLoop keeps a link to a target, until the node stops or the target has been
// out of the roster for long.
func (n *Node) dialLoop(key string, t *dialTarget) {
	retry := backoff.Backoff{Min: n.cfg.RedialMin, Max: n.cfg.RedialMax}
	complaint := ""
	for {
		if p := n.peerAt(t); p != nil {
			select {
			case <-p.gone:
				n.lost(t, nil)
			case <-n.ctx.Done():
				return
			}
			continue
		}
		if !n.wanted(key, t) {
			return
		}
		began := time.Now()
		expected, address := n.current(t)
		l, err := n.dial(t, expected, address)
		if err != nil {
			n.attemptFailed(core.Peer{ID: expected, Address: address}, err)
		}
		switch {
		case errors.Is(err, core.ErrSelf) && expected == "":
			return // a list of addresses has this node's own
		case n.ctx.Err() != nil:
			return
		case err == nil:
			select {
			case <-l.peer.gone:
			case <-n.ctx.Done():
				return
			}
			n.lost(t, l)
			if time.Since(began) > n.cfg.HeartbeatInterval || l.peer.received.Load() > 0 {
				complaint = ""
				retry.Reset()
			}
		case err.Error() != complaint:
			complaint = err.Error()
			level := slog.LevelWarn
			if !n.isListed(t) {
				level = slog.LevelDebug // it has left, and its end is to be expected
			}
			n.log.Log(n.ctx, level, "cannot link to a peer; retrying with backoff", "address", address, "peer", expected, "error", err)
		default:
			n.log.Debug("still cannot link to a peer", "address", address, "peer", expected, "error", err)
		}
		if n.awaitWake(t, retry.Next()) {
			retry.Reset()
		}
	}
}

// awaitWake waits, and reports whether the wait was cut short.
func (n *Node) awaitWake(t *dialTarget, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false
	case <-t.wake:
		return true
	case <-n.ctx.Done():
		return true
	}
}

// pause waits; it reports false if the node stops meanwhile.
func (n *Node) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-n.ctx.Done():
		return false
	}
}

// peerAt is the peer that a target stands for, if there is a link to it.
func (n *Node) peerAt(t *dialTarget) *peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	if t.id == "" {
		return nil
	}
	return n.peers.Load().byID[t.id]
}

// lost notes that the peer of a target has gone, and who is there instead if that
// is why. l is the link that had been dialled, or nil. A reference peer that said
// nothing on it was not there: it had refused the HELLO.
func (n *Node) lost(t *dialTarget, l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l == nil || !l.peer.reference || l.confirmed {
		t.since = time.Now()
	}
	var other *otherPeerError
	if l != nil && errors.As(l.err, &other) {
		t.id = other.id
	}
}

// wanted tells whether to go on dialling a target, and forgets it if not.
func (n *Node) wanted(key string, t *dialTarget) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() != nil {
		return false
	}
	if t.listed || !t.taken && time.Since(t.since) < lingerFor {
		return true
	}
	delete(n.targets, key)
	return false
}

// isListed tells whether a target is in the roster.
func (n *Node) isListed(t *dialTarget) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return t.listed
}

// current is who is expected at a target, and where that is.
func (n *Node) current(t *dialTarget) (expected, address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return t.id, t.address
}

// dial connects to a target and does the handshake. The link that comes of it
// is running when it returns.
func (n *Node) dial(t *dialTarget, expected, address string) (*link, error) {
	ctx, cancel := context.WithTimeout(n.ctx, n.cfg.HandshakeTimeout)
	defer cancel()
	conn, err := n.cfg.Transport.Dial(ctx, address)
	if err != nil {
		if errors.Is(err, core.ErrUnauthorized) {
			n.stats.refused(address, err)
		}
		return nil, err
	}
	l, err := n.dialHandshake(ctx, conn, expected, address)
	if err != nil {
		conn.Close(reasonFor(err))
		n.stats.refused(address, err)
		return nil, fmt.Errorf("link to %s: %w", address, err)
	}
	n.mu.Lock()
	t.id = l.peer.id
	n.mu.Unlock()
	n.work.Go(l.run)
	return l, nil
}

// dialHandshake is the dialler's side of the handshake.
func (n *Node) dialHandshake(ctx context.Context, conn core.Conn, expected, address string) (*link, error) {
	if r, ok := conn.(core.NativeReporter); ok && !r.Native() {
		return n.dialReference(ctx, conn, expected, address)
	}
	// Both may dial, so the name tells whose it is.
	ours := n.offer(fmt.Sprintf("%016x %s", n.dials.Add(1), n.id))
	defer n.handshakes.begin(ours.link)()
	if err := conn.Send(ctx, [][]byte{appendHello(nil, frameHello, n.ownHello(ours))}); err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	limitReads(conn, maxHandshake)
	src, err := n.await(ctx, conn)
	var closed *core.CloseError
	switch {
	case errors.As(err, &closed) && closed.CloseReason == closeSelf:
		return nil, core.ErrSelf
	case errors.As(err, &closed) && closed.CloseReason == core.CloseHelloInvalid:
		return nil, fmt.Errorf("%w: refused by the peer: %w", core.ErrUnauthorized, err)
	case err != nil:
		return nil, fmt.Errorf("welcome: %w", err)
	}
	h, err := decodeHello(src, frameWelcome)
	if err != nil {
		return nil, err
	}
	if h.uid == n.id {
		return nil, core.ErrSelf
	}
	if err := n.authorise(h); err != nil {
		return nil, fmt.Errorf("the peer %.64q answered with: %w", h.uid, err)
	}
	if h.offer == nil {
		return nil, fmt.Errorf("%w: welcome without an offer", core.ErrMalformed)
	}
	terms, err := agree(ours, h.offer)
	if err != nil {
		return nil, fmt.Errorf("node %.64q: %w", h.uid, err)
	}
	if expected != "" && expected != h.uid {
		n.log.Info("another node than expected answers here", "address", address, "expected", expected, "peer", h.uid)
	}
	return n.attachLink(conn, h, terms, ours.link, true)
}

// dialReference links to a reference peer. It never answers, so the link is
// up as soon as the HELLO is out (docs/reference-protocol.md, section 3).
func (n *Node) dialReference(ctx context.Context, conn core.Conn, expected, address string) (*link, error) {
	if expected == "" {
		return nil, core.ErrUnknownPeer
	}
	if n.reference < 0 {
		return nil, fmt.Errorf("reference peer %.64q: %w", expected, n.noReferenceCodec())
	}
	if err := conn.Send(ctx, [][]byte{appendHello(nil, frameHello, n.ownHello(nil))}); err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	return n.attachLink(conn, &hello{uid: expected, address: address}, terms{codec: n.reference}, "", true)
}

package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backoff"
)

// maxTargets limits the number of addresses that a roster can make the node dial.
const maxTargets = 4096

// lingerFor is how long an address that has left the roster is still dialled after its
// link was lost: the roster may be wrong.
const lingerFor = time.Minute

// steadyAfter is how long a link has to have lasted for its target to be dialled again at
// once, without backoff.
const steadyAfter = time.Second

// dialTarget is an address to dial, with a goroutine that keeps a link to it (dialLoop).
// Its fields are guarded by the node's lock.
type dialTarget struct {
	id      string // of the peer that is expected there, or was met there; "" if unknown
	address string
	listed  bool          // in the roster
	taken   bool          // not in the roster, which lists another node at the same address
	proven  bool          // a link to the address has lasted for a while, or has brought a message
	since   time.Time     // when listed last became false, or the link was lost
	wake    chan struct{} // wakes the goroutine: the address has changed or is listed again
}

// discover runs the discovery as long as the node is running.
func (n *Node) discover() {
	self := core.Peer{ID: n.id, Address: n.Advertised()}
	err := n.cfg.Discovery.Run(n.listed, self, n.update)
	if err != nil && n.listed.Err() == nil {
		n.log.Error("discovery has failed; no more peers will be found", "discovery", n.cfg.Discovery.Name(), "error", err)
	}
}

// update handles a roster: the node dials new addresses. It never ends a link.
func (n *Node) update(peers []core.Peer) {
	var later deferred
	defer later.run()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state != stateRunning {
		return
	}
	policy, refused := n.dialPolicy(), refusedEntries{}
	later.add(func() { n.refusedEntries(&refused) })
	n.roster.replace(slices.DeleteFunc(slices.Clone(peers), func(p core.Peer) bool { return p.Address == "" || n.isSelf(p) }), time.Now())
	listed := map[string]bool{}
	taken := map[string]bool{} // by address
	for _, p := range peers {
		taken[p.Address] = true
		if p.Address == "" || n.isSelf(p) {
			continue
		}
		if why := policy.judge(p.Address); why != entryTaken {
			refused.add(why, p)
			continue
		}
		if p.ID != "" && n.id > p.ID && n.cfg.Role == core.RoleServer {
			continue // that node dials this one
		}
		key := rosterKey(p)
		if n.targets[key] == nil && len(n.targets) >= maxTargets {
			refused.add(entryExcess, p)
			continue // those that are known stay
		}
		listed[key] = true
		n.list(key, p)
	}
	n.probeUnlisted(peers)
	now := time.Now()
	for key, t := range n.targets {
		if t.listed && !listed[key] {
			t.listed, t.since = false, now
		}
		t.taken = !t.listed && taken[t.address]
	}
}

// refusedEntries counts and logs the entries of a roster that are not dialled.
func (n *Node) refusedEntries(refused *refusedEntries) {
	for why, r := range refused {
		if r.count == 0 {
			continue
		}
		n.entryRefusals[why].Add(r.count)
		reason := entryReasons[why]
		n.logLimit.Log(n.log, slog.LevelWarn, "roster "+reason.name, reason.message, "transport", n.cfg.Transport.Name(), "entries", r.count,
			"address", clip(r.example.Address), "peer", clip(r.example.ID), "setting", reason.setting)
	}
}

// clip shortens text of other nodes for the log.
func clip(text string) string {
	const limit = 256
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// probeUnlisted pings the peers that have just left the roster: discovery often notices
// first that a process has ended. n.mu is held.
func (n *Node) probeUnlisted(roster []core.Peer) {
	listed := make(map[string]bool, len(roster))
	for _, p := range roster {
		listed[p.ID], listed[p.Address] = true, true
	}
	for _, p := range n.peers.Load().list {
		if is := listed[p.id] || listed[p.address]; is != p.listed {
			if p.listed = is; !is {
				p.probe(unlistedTimeout)
			}
		}
	}
}

// isSelf reports whether a roster entry is this node itself; n.mu is held.
func (n *Node) isSelf(p core.Peer) bool {
	return p.ID == n.id || p.ID == "" && p.Address == n.advertised
}

// list adds a roster entry to the targets, or updates its target; n.mu is held.
func (n *Node) list(key string, p core.Peer) {
	t := n.targets[key]
	if t == nil {
		t = &dialTarget{id: p.ID, address: p.Address, listed: true, wake: make(chan struct{}, 1)}
		n.targets[key] = t
		n.work.Go(func() { n.dialLoop(key, t) })
		return
	}
	if t.address != p.Address {
		t.id = p.ID // a peer that was met at the old address is not the one meant
		t.proven = false
	}
	if !t.listed || t.address != p.Address {
		t.address, t.listed = p.Address, true
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// dialLoop keeps a link to a target, until the node stops or the target has been out of
// the roster for lingerFor.
func (n *Node) dialLoop(key string, t *dialTarget) {
	// The seed depends on the ids, which are random. A test that fixes the ids fixes the
	// delays.
	source := rand.New(rand.NewPCG(uint64(hashOf(n.id)), uint64(hashOf(key))))
	retry := backoff.Backoff{Min: n.cfg.RedialMin, Max: n.cfg.RedialMax, Rand: source}
	complaint, attempts := "", 0
	for {
		p := n.peerAt(t)
		if p != nil && p.isLinked() {
			select {
			case <-p.linkEnd():
				n.lost(t, nil)
				if p.hasEnded() && n.awaitWake(t, retry.Next()) { // a roster without it may be on its way
					retry.Reset()
				}
			case <-t.wake: // the target may stand for another peer now
			case <-n.ctx.Done():
				return
			}
			continue
		}
		if !n.wanted(key, t) {
			return
		}
		end := n.dialLimit.begin(n.ctx, n.urgency(t, attempts))
		if end == nil {
			return
		}
		if !n.wanted(key, t) { // begin may have waited for long
			end()
			return
		}
		began := time.Now()
		expected, address := n.current(t)
		l, err := n.dial(t, expected, address)
		end()
		attempts++
		n.dialled(p, address, l, err)
		if err != nil {
			n.attemptFailed(core.Peer{ID: expected, Address: address}, err)
		}
		switch {
		case errors.Is(err, core.ErrSelf) && expected == "":
			return // a list of addresses contains this node's own
		case n.ctx.Err() != nil:
			return
		case err == nil:
			select {
			case <-l.peer.linkEnd():
			case <-t.wake:
				continue
			case <-n.ctx.Done():
				return
			}
			n.lost(t, l)
			if time.Since(began) > n.cfg.HeartbeatInterval || l.peer.heardOnce.Load() {
				complaint = ""
				retry.Reset()
				n.proven(t, address)
			}
			if time.Since(began) >= steadyAfter && !l.peer.hasEnded() {
				continue // at once: perhaps only the connection broke
			}
		case err.Error() != complaint:
			complaint = err.Error()
			level := slog.LevelWarn
			if !n.isListed(t) || errors.Is(err, errRoles) {
				level = slog.LevelDebug // the server has left, or the roles need no link: nothing to warn of
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

// awaitWake waits for a time, and reports whether it was woken, or the node stopped,
// before.
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

// peerAt returns the peer that a target stands for, with or without a link; nil if there
// is none.
func (n *Node) peerAt(t *dialTarget) *peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	if t.id == "" {
		return nil
	}
	return n.peers.Load().byID[t.id]
}

// lost notes that the link to a target has ended. l is the link if it was dialled, or
// nil. If another reference peer than expected answered, the target expects that one from
// now on. A reference peer that sent nothing on l had refused the HELLO, so that l does
// not count as a link that was lost.
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

// wanted reports whether a target is still to be dialled, and removes it if not.
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

// urgency says how urgently a target is to be dialled.
func (n *Node) urgency(t *dialTarget, attempts int) dialUrgency {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case t.proven:
		return dialAgain
	case attempts == 0:
		return dialFirst
	}
	return dialUnheard
}

// proven notes that a peer at the target's address has sent a message, or its link has
// lasted for a heartbeat interval.
func (n *Node) proven(t *dialTarget, address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t.proven = t.address == address
}

// isListed reports whether a target is in the roster.
func (n *Node) isListed(t *dialTarget) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return t.listed
}

// current returns the id that is expected at a target, and its address.
func (n *Node) current(t *dialTarget) (expected, address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return t.id, t.address
}

// dial connects to a target and does the handshake. It returns the link, which is
// running.
func (n *Node) dial(t *dialTarget, expected, address string) (*link, error) {
	ctx, cancel := context.WithTimeout(n.ctx, n.cfg.HandshakeTimeout)
	defer cancel()
	conn, err := n.cfg.Transport.Dial(ctx, address)
	if err != nil {
		if errors.Is(err, core.ErrUnauthorized) {
			n.stats.refused(address, err)
		}
		if errors.Is(err, core.ErrForbiddenAddress) { // the transport has resolved a name to such an address
			n.entryRefusals[entryNetwork].Add(1)
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
	if t.address == address { // otherwise a new roster has changed the address meanwhile
		t.id = l.peer.id
	}
	n.mu.Unlock()
	n.work.Go(l.run)
	return l, nil
}

// dialHandshake is the dialler's side of the handshake.
func (n *Node) dialHandshake(ctx context.Context, conn core.Conn, expected, address string) (*link, error) {
	if r, ok := conn.(core.NativeReporter); ok && !r.Native() {
		return n.dialReference(ctx, conn, expected, address)
	}
	// The name contains this node's id, because both nodes may dial.
	ours := n.offer(fmt.Sprintf("%016x %s", n.dials.Add(1), n.id), n.binding(conn, true))
	sent := appendHello(nil, frameHello, n.ownHello(ours))
	if err := conn.Send(ctx, [][]byte{sent}); err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	limitReads(conn, maxHandshake)
	src, err := n.await(ctx, conn)
	if err != nil {
		return nil, refusedBy(err, "welcome")
	}
	h, err := decodeHello(src, frameWelcome)
	if err != nil {
		return nil, err
	}
	if h.uid == n.id {
		return nil, core.ErrSelf
	}
	if h.offer == nil {
		return nil, fmt.Errorf("%w: welcome without an offer", core.ErrMalformed)
	}
	if err := cmp.Or(checkBinding(ours, h.offer), n.checkRoles(h, true)); err != nil {
		return nil, fmt.Errorf("node %.64q: %w", h.uid, err)
	}
	said := transcriptOf(sent, src)
	terms, err := agree(ours, h.offer)
	if err != nil {
		return nil, fmt.Errorf("node %.64q: %w", h.uid, err)
	}
	if said.secret, err = n.key.shared(ours, h.offer); err != nil {
		return nil, fmt.Errorf("node %.64q: %w", h.uid, err)
	}
	if err := n.dialProof(ctx, conn, h, said); err != nil {
		return nil, fmt.Errorf("the peer %.64q answered with: %w", h.uid, err)
	}
	if expected != "" && expected != h.uid {
		n.log.Info("another node than expected answers here", "address", address, "expected", expected, "peer", h.uid)
	}
	return n.attachLink(conn, h, terms, ours.link, true)
}

// refusedBy explains why a connection ended while an answer was awaited.
func refusedBy(err error, awaited string) error {
	var closed *core.CloseError
	switch {
	case errors.As(err, &closed) && closed.CloseReason == closeSelf:
		return core.ErrSelf
	case errors.As(err, &closed) && closed.CloseReason == closeRelayed:
		return fmt.Errorf("%w, says the peer", core.ErrRelayed)
	case errors.As(err, &closed) && closed.CloseReason == closeRoles:
		return fmt.Errorf("%w, says the peer", errRoles)
	case errors.As(err, &closed) && closed.CloseReason == core.CloseHelloInvalid:
		return fmt.Errorf("%w: refused by the peer: %w", core.ErrUnauthorized, err)
	}
	return fmt.Errorf("%s: %w", awaited, err)
}

// dialReference links to a reference peer, which does not answer HELLO: the link is up as
// soon as the HELLO is sent (docs/reference-protocol.md, section 3).
func (n *Node) dialReference(ctx context.Context, conn core.Conn, expected, address string) (*link, error) {
	if n.cfg.RefuseReferencePeers {
		return nil, errReferencePeer
	}
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

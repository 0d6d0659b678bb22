package node

import (
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backoff"
)

// suspension is the state of a peer that has no link and may resume. Until the resume
// window is over, the peer stays a member of its namespaces and its messages wait. It is
// guarded by the peer's lock.
type suspension struct {
	unlinkedSince time.Time     // zero while there is a link
	unlinked      chan struct{} // closed while there is no link
	told          bool          // observers were told that there is no link
	lastDialled   bool          // this node dialled the last link
	lastEnd       error         // why the last link ended
	presumedGone  bool          // its namespaces do not count it as a member any more, though it may still resume
}

// linked notes that there is a link again; p.mu is held.
func (p *peer) linked() {
	p.unlinkedSince, p.unlinked = time.Time{}, make(chan struct{})
}

// isLinked reports whether there is a link.
func (p *peer) isLinked() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links) > 0
}

// linkEnd returns a channel that is closed while the peer has no link.
func (p *peer) linkEnd() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unlinked
}

// mayResume reports whether a peer may continue its session after its last link has
// ended; p.mu is held. A peer that has left, was too slow, or violated the protocol may
// not.
func (p *peer) mayResume(l *link) bool {
	if !p.queue.keeps || p.cutting || p.node.ctx.Err() != nil {
		return false
	}
	if closed, ok := errors.AsType[*core.CloseError](l.err); ok && closed.Code == core.CloseProtocolError.Code {
		return false
	}
	for _, end := range []error{core.ErrPeerLeft, core.ErrClosed, core.ErrMalformed, core.ErrNoCommonCodec} {
		if errors.Is(l.err, end) {
			return false
		}
	}
	return true
}

// suspend is called when the last link has ended; p.mu is held. Volatile messages are
// dropped: they do not wait for the next link.
func (p *peer) suspend() {
	p.unlinkedSince = time.Now()
	close(p.unlinked)
	p.queue.proceedAll()
	p.dropped = append(p.dropped, p.queue.dropVolatile()...)
}

// end gives the peer up for good; p.mu is held.
func (p *peer) end() {
	p.down = true
	if len(p.links) == 0 && p.unlinkedSince.IsZero() {
		close(p.unlinked)
	}
	p.in.ended = true
	lost, done := p.queue.abandon()
	p.out.lost = p.out.lost.addAll(lost)
	p.dropped = append(p.dropped, done...)
}

// releaseFrames releases the frames in dropped and arrived, and counts the dropped ones.
func (p *peer) releaseFrames(why error) {
	p.mu.Lock()
	dropped, arrived := p.dropped, p.arrived
	p.dropped, p.arrived = nil, nil
	p.mu.Unlock()
	for _, f := range dropped {
		p.counts.dropped(p.id, f.kind, why)
		f.release()
	}
	for _, f := range arrived {
		f.release()
	}
}

// peerSuspended is called when l, the last link to p, has ended and p may resume. If the
// peer ended l because it has another link, that one comes up at once, and observers are
// not told.
func (n *Node) peerSuspended(p *peer, l *link) {
	p.ageInterest()
	n.signalPeers()
	if !isReplaced(l.err) {
		n.tellSuspended(p, l.err, l.dialled)
	}
	if errors.Is(l.err, core.ErrSilentPeer) && n.isUnlisted(p) {
		n.presumeGone(p, l.err) // its silence and discovery agree; but both may be wrong
	}
	n.work.Go(func() { n.seek(p) })
}

// isReplaced reports whether either end has ended a link in favour of another one.
func isReplaced(err error) bool {
	closed, ok := errors.AsType[*core.CloseError](err)
	return errors.Is(err, core.ErrReplaced) || ok && closed.CloseReason == core.CloseDuplicate
}

// tellSuspended tells observers and other peers, once, that a peer has no link.
func (n *Node) tellSuspended(p *peer, cause error, dialled bool) {
	p.mu.Lock()
	tell := !p.told && len(p.links) == 0
	p.told = p.told || tell
	p.mu.Unlock()
	if !tell {
		return
	}
	n.tellLost(p, cause)
	n.stats.peerDown(p, cause, dialled)
	n.attemptFailed(core.Peer{ID: p.id, Address: p.address}, cause)
	attrs := []any{"cause", cause, "window", n.cfg.ResumeWindow}
	if setting := settingFor(cause, ""); setting != "" {
		attrs = append(attrs, "setting", setting)
	}
	n.logLimit.Log(p.log, slog.LevelWarn, "suspended "+p.id, "link lost; the peer may resume", attrs...)
}

// peerLinked is called when a peer without a link has got one.
func (n *Node) peerLinked(p *peer, l *link) {
	p.mu.Lock()
	told, presumedGone := p.told, p.presumedGone
	p.told, p.presumedGone = false, false
	if told {
		p.reconnects++
	}
	p.mu.Unlock()
	if told {
		n.stats.peerUp(p)
		n.logLimit.Log(p.log, slog.LevelInfo, "resumed "+p.id, "peer linked again", "dialled", l.dialled)
	}
	if presumedGone {
		for ns := range n.namespaces.all() {
			ns.join(p)
		}
	}
}

// seekAfter is how long a node waits for a peer that has lost its link to dial, before it
// dials the peer itself.
const seekAfter = 250 * time.Millisecond

// seek dials a peer that has lost its link, until it is linked or gone, if no dialLoop
// does so.
func (n *Node) seek(p *peer) {
	if !n.mayDial(p) {
		return
	}
	retry := backoff.Backoff{Min: n.cfg.RedialMin, Max: n.cfg.RedialMax}
	target := &dialTarget{id: p.id, address: p.address}
	for wait := seekAfter; ; wait = retry.Next() {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-p.gone:
		case <-n.ctx.Done():
		}
		timer.Stop()
		if n.ctx.Err() != nil || p.isLinked() || p.hasGone() {
			return
		}
		end := n.dialLimit.begin(n.ctx, dialFirst)
		if end == nil {
			return
		}
		l, err := n.dial(target, p.id, p.address)
		end()
		n.dialled(p, p.address, l, err)
		if err == nil {
			return
		}
		n.attemptFailed(core.Peer{ID: p.id, Address: p.address}, err)
		p.log.Debug("cannot link to a peer that may resume", "error", err)
	}
}

// mayDial reports whether seek may dial a peer: its address is allowed, and no dialTarget
// is for this peer.
func (n *Node) mayDial(p *peer) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range n.targets {
		if t.id == p.id {
			return false
		}
	}
	return p.address != "" && p.role == core.RoleServer && n.dialPolicy().judge(p.address) == entryTaken
}

// wentWithout returns why the peer went before it had received everything that was sent
// to it; nil if it left by itself, or has received it.
func (p *peer) wentWithout() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	took := !p.queue.keeps || len(p.out.lost) == 0 && p.queue.allAcked()
	if errors.Is(p.lastEnd, core.ErrPeerLeft) || !p.draining || took {
		return nil
	}
	return p.lastEnd
}

// hasEnded reports whether the peer has left or was given up. It may still be among the
// node's peers: see hasGone.
func (p *peer) hasEnded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down
}

// hasGone reports whether the peer has ended and is no longer among the node's peers.
func (p *peer) hasGone() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// dialled evaluates a dial to a peer that may resume. If nothing listens at the peer's
// address any more, or another process does, the peer is gone.
func (n *Node) dialled(p *peer, address string, l *link, err error) {
	switch {
	case p == nil || p.address != address || p.isLinked():
	case err == nil && l.peer != p:
		n.expire(p, fmt.Errorf("%w: at its address is %.64q", core.ErrRestarted, l.peer.id))
	case !errors.Is(err, core.ErrNoListener) && !errors.Is(err, syscall.ECONNREFUSED):
	case n.isUnlisted(p):
		n.expire(p, err)
	default:
		n.presumeGone(p, err)
	}
}

// presumeGone ends the membership of a peer that could still resume but probably will
// not, so that no request waits for it.
func (n *Node) presumeGone(p *peer, cause error) {
	p.mu.Lock()
	gone := len(p.links) == 0 && !p.down
	isNew := gone && !p.presumedGone
	p.presumedGone = p.presumedGone || gone
	p.mu.Unlock()
	if !isNew {
		return
	}
	p.log.Info("peer has probably gone", "cause", cause)
	for ns := range n.namespaces.all() {
		ns.leave(p, cause)
	}
}

// isUnlisted reports whether discovery has reported a roster and the peer is not in it.
func (n *Node) isUnlisted(p *peer) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.roster.heard.IsZero() && n.roster.find(core.Peer{ID: p.id, Address: p.address}) == nil
}

// expire gives up a peer that has no link.
func (n *Node) expire(p *peer, cause error) {
	p.mu.Lock()
	gone := len(p.links) == 0 && !p.down
	if gone {
		p.end()
	}
	p.mu.Unlock()
	if gone {
		p.releaseFrames(cause)
		n.peerDown(p, cause)
	}
}

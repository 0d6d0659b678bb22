package node

import (
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backlog"
)

// heartbeat checks all links in turn: it sends pings, ends links that are dead, cuts
// peers that are too slow, and tells reference peers that the namespaces are still open.
func (n *Node) heartbeat() {
	every := min(max(n.cfg.HeartbeatInterval/4, 5*time.Millisecond), 250*time.Millisecond)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var beat, checked time.Time
	for {
		select {
		case <-ticker.C:
		case <-n.drained:
			return
		}
		now := time.Now()
		for _, p := range n.peers.Load().list {
			var later deferred
			p.heartbeat(now, &later)
			later.run()
		}
		n.capacity.signal() // links may have ended: a peer without one does not count as full
		if now.Sub(checked) >= markOverdue/2 {
			checked = now
			for _, p := range n.peers.Load().list {
				n.checkMarks(p, now)
			}
		}
		if now.Sub(beat) >= n.cfg.HeartbeatInterval-every {
			beat = now
			n.beat(now)
		}
	}
}

// heartbeat checks the links of one peer, and its queue.
func (p *peer) heartbeat(now time.Time, later *deferred) {
	cfg := p.cfg
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.links) == 0 {
		p.awaitResume(now, later)
		return
	}
	if !p.cutting && p.queue.tooSlow(now) {
		p.cut(backlog.NoProgress, later)
	}
	for _, l := range p.links {
		silent := l.clock.since(l.heard.Load())
		probe := l.probe.Load()
		switch {
		case l.dispatching.Load() > 0:
			// This node is not reading, so silence says nothing about the peer.
		case silent > cfg.HeartbeatTimeout, probe != 0 && l.clock.now() > probe:
			l.fail(core.CloseSilent, core.ErrSilentPeer)
		case !p.reference && (l.pinged == 0 || l.clock.since(l.pinged) >= cfg.HeartbeatInterval):
			l.pinged = l.clock.now()
			p.ping(l)
		}
		if now.Sub(l.saidAt) >= ackInterval {
			l.saidAt = now
			p.ackIfDue(l, 1)
		}
	}
}

// ackInterval is how long a message may wait for its acknowledgement.
const ackInterval = time.Second

// awaitResume checks a peer without a link. If a link ended for another one that has not
// come up, observers are told after probeTimeout; at the end of the resume window the
// peer is given up. p.mu is held.
func (p *peer) awaitResume(now time.Time, later *deferred) {
	since := now.Sub(p.unlinkedSince)
	switch {
	case p.down:
	case since > p.cfg.ResumeWindow:
		later.add(func() { p.node.expire(p, core.ErrExpired) })
	case since > probeTimeout && !p.told:
		dialled := p.lastDialled
		later.add(func() { p.node.tellSuspended(p, core.ErrReplaced, dialled) })
	}
}

// beat sends heartbeats to reference peers for each namespace, removes the namespaces in
// which they have sent none, and forgets expected rooms and peers that departed long ago.
func (n *Node) beat(now time.Time) {
	var references []*peer
	for _, p := range n.peers.Load().list {
		if !p.reference {
			p.interest.expire(now)
			continue
		}
		references = append(references, p)
		for _, name := range p.silentSince(n.clock.now() - int64(n.cfg.HeartbeatTimeout)) {
			p.unmark(name)
			if ns := n.namespace(name); ns != nil {
				ns.leave(p, core.ErrSilentPeer)
			}
		}
	}
	if len(references) > 0 {
		for ns := range n.namespaces.all() {
			ns.publish(&core.Message{Kind: core.KindHeartbeat}, references...)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, m := range n.departed {
		if now.Sub(m.at) > rememberFor {
			delete(n.departed, id)
		}
	}
}

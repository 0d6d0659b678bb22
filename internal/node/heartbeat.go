package node

import (
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backlog"
)

// heartbeat looks after all links in turn: pings them, cuts those that are dead, and tells reference peers that the namespaces are alive.
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
		n.capacity.signal() // links may have ended
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

// heartbeat looks after the links of one peer, and what waits for it.
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
			// It is we who do not read.
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

// ackInterval is how long a peer waits at most until it is told what has arrived.
const ackInterval = time.Second

// awaitResume looks after a peer without a link: observers are told of it where no other
// link has taken the last one's place at once, and when the time is up it is gone. p.mu
// is held.
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

// beat does what is per namespace: heartbeats to reference peers, and removing
// those of them that have not sent any. It also forgets peers that departed long ago.
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

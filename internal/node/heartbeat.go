package node

import (
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/backlog"
)

// heartbeat looks after all links in turn: pings them, cuts those that are dead, and tells reference peers that the namespaces are alive.
func (n *Node) heartbeat() {
	every := min(max(n.cfg.HeartbeatInterval/4, 5*time.Millisecond), time.Second)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var beat time.Time
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
	if !p.cutting && p.queue.tooSlow(now) {
		p.cut(backlog.NoProgress, later)
	}
	for _, l := range p.links {
		silent := now.Sub(time.Unix(0, l.received.Load()))
		probe := l.probe.Load()
		switch {
		case l.dispatching.Load() > 0:
			// It is we who do not read.
		case silent > cfg.HeartbeatTimeout, probe != 0 && now.UnixNano() > probe:
			l.fail(core.CloseSilent, core.ErrSilentPeer)
		case !l.finished.IsZero() && now.Sub(l.finished) > cfg.HandshakeTimeout,
			!p.mute.IsZero() && now.Sub(p.mute) > probeTimeout:
			l.fail(core.CloseDuplicate, core.ErrReplaced)
		case !p.reference && now.UnixNano()-l.pinged >= int64(cfg.HeartbeatInterval):
			l.pinged = now.UnixNano()
			p.ping(l)
		}
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
		for _, name := range p.silentSince(now.Add(-n.cfg.HeartbeatTimeout).UnixNano()) {
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

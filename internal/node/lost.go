package node

import (
	"errors"
	"time"

	"github.com/socketmesh/mesh/core"
)

// featureLost is what a node offers that takes LOST frames.
const featureLost = "lost"

// A node whose link to a peer has broken says so to its other peers, with a LOST frame.
// They try their own links: the heartbeats of a process that is gone are missed at other times
// on each link, and so all know when the first one does. What a node says of another is a
// hint: who answers is there, whatever was said. Each link is tried once per heartbeat
// interval at most, so a peer that lies costs pings.

// tellLost tells the other peers that the last link to p has ended.
func (n *Node) tellLost(p *peer, cause error) {
	if errors.Is(cause, core.ErrSlowPeer) || errors.Is(cause, core.ErrReplaced) {
		return // it is there
	}
	for _, other := range n.peers.Load().list {
		if other != p && other.takesLost {
			other.hint(p.id)
		}
	}
}

// hint sends LOST to a peer, if there is a link.
func (p *peer) hint(lost string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.current; l != nil && len(l.signals) < maxEchoes {
		p.control(l, append([]byte{frameLost}, lost...))
	}
}

// heardLost tries the link to a node that another one has lost.
func (n *Node) heardLost(id string, by *peer) {
	if p := n.peers.Load().byID[id]; p != nil && p != by && p.mayTry(time.Now()) {
		p.probe(lostTimeout)
	}
}

// lostTimeout is how long a peer has to answer that another node has lost.
const lostTimeout = time.Second

// mayTry tells whether the link may be tried because of a hint.
func (p *peer) mayTry(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.links) == 0 || now.Sub(p.triedAt) < p.cfg.HeartbeatInterval {
		return false
	}
	p.triedAt = now
	return true
}

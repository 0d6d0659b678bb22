package node

import (
	"errors"
	"time"

	"github.com/socketmesh/mesh/core"
)

// featureLost is the feature of nodes that take LOST frames.
const featureLost = "lost"

// A node whose link to a peer has broken sends a LOST frame to its other peers. They ping
// the lost node at once: without LOST, each link would notice a dead process only when
// its own heartbeat is overdue. LOST is a hint: a node that answers the ping stays. A
// link is tested once per heartbeat interval at most, so a peer that lies costs pings
// only.

// tellLost sends LOST to the other peers after the last link to p has ended.
func (n *Node) tellLost(p *peer, cause error) {
	if errors.Is(cause, core.ErrSlowPeer) || errors.Is(cause, core.ErrReplaced) {
		return // such a peer is alive
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

// heardLost pings a node to which another node has lost its link.
func (n *Node) heardLost(id string, by *peer) {
	if p := n.peers.Load().byID[id]; p != nil && p != by && p.mayTry(time.Now()) {
		p.probe(lostTimeout)
	}
}

// lostTimeout is how long a peer has to answer the ping after a LOST frame.
const lostTimeout = time.Second

// mayTry reports whether a LOST frame may make this node ping the peer now.
func (p *peer) mayTry(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.links) == 0 || now.Sub(p.triedAt) < p.cfg.HeartbeatInterval {
		return false
	}
	p.triedAt = now
	return true
}

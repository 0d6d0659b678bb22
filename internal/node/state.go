package node

import "github.com/socketmesh/mesh/core"

// State is a snapshot of the node.
func (n *Node) State() core.NodeState {
	s := core.NodeState{ID: n.id}
	for _, c := range n.cfg.Codecs {
		s.Codecs = append(s.Codecs, c.Name())
	}
	if n.cfg.Discovery != nil {
		s.Discovery = n.cfg.Discovery.Name()
	}
	for ns := range n.namespaces.all() {
		s.Namespaces = append(s.Namespaces, core.NamespaceState{Name: ns.name, Members: ns.Members()})
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s.Listening = n.state == stateRunning
	s.Advertise, s.Discovered = n.advertised, n.roster.heard
	if n.listener != nil {
		s.Listen = n.listener.Addr()
	}
	return s
}

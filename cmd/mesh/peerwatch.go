package main

import "github.com/socketmesh/mesh/core"

// peerWatch is an observer of peers. changed has a value if a peer has come or gone since
// the last read.
type peerWatch struct {
	core.NopObserver
	changed chan struct{}
}

var _ core.Observer = (*peerWatch)(nil)

func newPeerWatch() *peerWatch { return &peerWatch{changed: make(chan struct{}, 1)} }

func (w *peerWatch) note() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// PeerUp and PeerDown note a change.
func (w *peerWatch) PeerUp(core.PeerInfo)          { w.note() }
func (w *peerWatch) PeerDown(core.PeerInfo, error) { w.note() }

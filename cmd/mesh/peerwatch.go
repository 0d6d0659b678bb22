package main

import "github.com/socketmesh/mesh/core"

// peerWatch is an observer of peers only. changed has a value when one came or
// went since it was last read.
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

// PeerUp and PeerDown are what is watched.
func (w *peerWatch) PeerUp(core.PeerInfo)          { w.note() }
func (w *peerWatch) PeerDown(core.PeerInfo, error) { w.note() }

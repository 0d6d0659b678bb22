package node

import (
	"github.com/socketmesh/mesh/core"
)

// OpenRaw opens a namespace for a receiver of the test's own, without an adapter.
func (n *Node) OpenRaw(name string, receiver core.Receiver) (core.Cluster, error) {
	ns := newNamespace(n, name)
	ns.receiver = receiver
	peers, err := n.open(ns, rawAdapter{ns: ns})
	if err != nil {
		return nil, err
	}
	ns.seed(peers)
	return ns, nil
}

type rawAdapter struct {
	core.Adapter
	ns *namespace
}

func (a rawAdapter) Close() { a.ns.Leave() }

// Links counts the links to a peer.
func (n *Node) Links(id string) int {
	p := n.peers.Load().byID[id]
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Handshake frames, for tests that play a peer by hand.
func HelloFrame(uid, address, token string, codecs ...string) []byte {
	h := &hello{uid: uid, address: address, token: token}
	if codecs != nil {
		h.offer = &offer{minVersion: minVersion, maxVersion: maxVersion, codecs: codecs, link: "0000000000000001"}
	}
	return appendHello(nil, frameHello, h)
}

// HelloOfLink is a HELLO of a node that has named the link so.
func HelloOfLink(uid, link string) []byte {
	return appendHello(nil, frameHello, &hello{uid: uid, offer: &offer{minVersion: minVersion, maxVersion: maxVersion, codecs: []string{"json"}, link: link}})
}

// HelloOfVersion is a HELLO of a node that speaks only this version.
func HelloOfVersion(uid string, version int) []byte {
	return appendHello(nil, frameHello, &hello{uid: uid, offer: &offer{minVersion: version, maxVersion: version, codecs: []string{"json"}, link: "1"}})
}

// StartFrame begins a stream of messages.
func StartFrame(codec, prev string, sent uint64) []byte {
	return appendStart(nil, start{codec, prev, sent})
}

// AwaitNotified returns when no receiver is being told of members that come and go.
func (n *Node) AwaitNotified() {
	for ns := range n.namespaces.all() {
		func() {
			ns.notify.Lock()
			defer ns.notify.Unlock()
		}()
	}
}

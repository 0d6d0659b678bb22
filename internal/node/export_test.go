package node

import (
	"time"

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

// Tried is when the link to a peer was tried because of what another one said.
func (n *Node) Tried(id string) time.Time {
	p := n.peers.Load().byID[id]
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.triedAt
}

// Hint tells a peer that this node has lost another one, whether it has or not.
func (n *Node) Hint(to, lost string) { n.peers.Load().byID[to].hint(lost) }

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

// StartFrame begins the messages of a node without sessions.
func StartFrame(codec string) []byte { return appendStart(nil, start{codec: codec}) }

// ResumableHello is a HELLO of a node with sessions, and ResumableStart the START of one of
// its links. SyncFrame asks what has arrived, and AckFrame says it.
func ResumableHello(uid, process, link string) []byte {
	return appendHello(nil, frameHello, &hello{uid: uid, offer: &offer{minVersion: minVersion, maxVersion: maxVersion,
		codecs: []string{"json"}, features: []string{featureResume}, link: link, process: process}})
}

func ResumableStart(session string, epoch string, positions ...uint64) []byte {
	return appendStart(nil, start{codec: "json", epoch: epoch, session: session, positions: positions})
}

// StartWithGap is a START that tells of so many lost broadcasts.
func StartWithGap(session, epoch, gap string, lost uint64, positions ...uint64) []byte {
	return appendStart(nil, start{codec: "json", epoch: epoch, session: session, positions: positions,
		gap: gap, lost: lostKinds(nil).add(core.KindBroadcast, lost)})
}

func SyncFrame(session string) []byte  { return appendSync(nil, 0, session) }
func AckFrame(counts ...uint64) []byte { return appendAck(nil, ack{counts: counts}) }

// AwaitNotified returns when no receiver is being told of members that come and go.
func (n *Node) AwaitNotified() {
	for ns := range n.namespaces.all() {
		func() {
			ns.notify.Lock()
			defer ns.notify.Unlock()
		}()
	}
}

// GuardedHello is a HELLO of a node that has a token, and WelcomeFrame its answer. ProofFrame
// is what it says after them, as the dialler or the acceptor.
func GuardedHello(uid, nonce string) []byte {
	return appendHello(nil, frameHello, guardedHello(uid, nonce))
}

func WelcomeFrame(uid, nonce string) []byte {
	return appendHello(nil, frameWelcome, guardedHello(uid, nonce))
}

func guardedHello(uid, nonce string) *hello {
	return &hello{uid: uid, offer: &offer{minVersion: minVersion, maxVersion: maxVersion, codecs: []string{"json"}, link: "1", nonce: nonce}}
}

func ProofFrame(token string, dials bool, hello, welcome []byte) []byte {
	by := acceptor
	if dials {
		by = dialler
	}
	return transcript{hello: hello, welcome: welcome}.proof(token, by)
}

// LimitSockets changes the number of sockets that an answer may have.
func (n *Node) LimitSockets(sockets int) { n.maxSockets = sockets }

// LimitPeers changes the number of peers that the node may have.
func (n *Node) LimitPeers(peers int) { n.maxPeers = peers }

// Assembling is how many bytes large frames take that are being received, and how many
// frames wait.
func (n *Node) Assembling() (bytes, waiting int) {
	n.assembly.mu.Lock()
	defer n.assembly.mu.Unlock()
	return n.assembly.used, len(n.assembly.waiting)
}

// StartOfTurn and SyncOfTurn are those of a link that is not the first one in use.
func StartOfTurn(turn uint64, session string) []byte {
	return appendStart(nil, start{codec: "json", turn: turn, epoch: "e", session: session, positions: []uint64{0}})
}

func SyncOfTurn(turn uint64, session string) []byte { return appendSync(nil, turn, session) }

// PoseAs makes a node that has not started yet say that it is the process of another one,
// as all peers of that one could: under its id, with a later name for each link, and with
// its public key, if withKey is set. It cannot have the private one.
func (n *Node) PoseAs(victim *Node, withKey bool) {
	n.process = victim.process
	n.dials.Store(1 << 40)
	if withKey {
		n.key.public = victim.key.public
	}
}

// HelloOfRole is a HELLO of a node with sessions that says what it is.
func HelloOfRole(uid string, role core.Role) []byte {
	return appendHello(nil, frameHello, &hello{uid: uid, offer: &offer{minVersion: minVersion, maxVersion: maxVersion, codecs: []string{"json"},
		features: []string{featureResume, featureAsk, featureInterest}, link: "1", process: "p", role: string(role)}})
}

// QuestionFrame asks something.
func QuestionFrame(text string) []byte {
	return appendQuestion(nil, question{id: 1, limit: 1 << 10, text: []byte(text)})
}

// WelcomeOf is the WELCOME of somebody who says that he is this node, and has a token.
func (n *Node) WelcomeOf(nonce string) []byte {
	o := n.offer("1", "")
	o.nonce = nonce
	return appendHello(nil, frameWelcome, n.ownHello(o))
}

// ReferenceHelloOf is what a reference node would say under this id.
func ReferenceHelloOf(uid, token string) []byte {
	return appendHello(nil, frameHello, &hello{uid: uid, address: "ws://q", token: token})
}

// Withheld is what the messages take that are withheld from peers.
func (n *Node) Withheld() int { return int(n.withheld.bytes.Load()) }

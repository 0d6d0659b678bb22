package node_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/codec/msgpack"
	"github.com/socketmesh/mesh/codec/proto"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/cluster"
	"github.com/socketmesh/mesh/internal/node"
)

// linkOf is a link to a node that a test plays the other end of, on which anything
// can be said.
type linkOf struct {
	t     *testing.T
	conn  core.Conn
	codec core.Codec
}

func (l *linkOf) say(m *core.Message) {
	l.t.Helper()
	m.Namespace = "/"
	frame, err := l.codec.Append([]byte{1}, m)
	if err != nil {
		l.t.Fatal(err)
	}
	send(l.t, l.conn, frame)
}

// forEachLink runs a test on a link of a node with an adapter, which has the sockets
// n1, in room r, and n2. The link's peer calls itself q unless another name is given.
func forEachLink(t *testing.T, f func(t *testing.T, n *adapted, l *linkOf)) {
	codecs := []core.Codec{json.New(), msgpack.New(), proto.New()}
	for _, uid := range []string{"q", "emitter"} {
		for _, codec := range append(codecs, nil) {
			name := "reference"
			if codec != nil {
				name = codec.Name()
			}
			t.Run(name+", link of "+uid, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					w := newWorld(t)
					n := w.adapted("n", func(cfg *core.Config) { cfg.Codecs = codecs })
					conn := w.dial("n")
					l := &linkOf{t, conn, codec}
					if codec == nil {
						l.codec = msgpack.New()
						send(t, conn, node.HelloFrame(uid, "ws://q", ""))
					} else {
						send(t, conn, node.HelloFrame(uid, "ws://q", "", codec.Name()), node.StartFrame(codec.Name()))
					}
					go func() {
						for {
							if _, err := conn.Recv(); err != nil {
								return
							}
						}
					}()
					synctest.Wait()
					f(t, n, l)
				})
			})
		}
	}
}

// adapted is a node whose namespace "/" has an adapter and clients.
type adapted struct {
	*node.Node
	core.Adapter
	coretest.RecordingObserver
	host   *coretest.Host
	n1, n2 *coretest.Client

	mu      sync.Mutex
	dropped []error
}

func (n *adapted) Dropped(_ string, _ core.Kind, why error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dropped = append(n.dropped, why)
}

func (w *world) adapted(host string, change func(*core.Config)) *adapted {
	w.t.Helper()
	n := &adapted{host: coretest.NewHost()}
	cfg := core.Config{
		ID: host, Listen: host, Advertise: "mem://" + host,
		Transport: w.net.Transport(host), Observer: n,
	}
	change(&cfg)
	var err error
	if n.Node, err = node.New(cfg, cluster.New); err != nil {
		w.t.Fatal(err)
	}
	if n.Adapter, err = n.Node.Adapter("/", n.host); err != nil {
		w.t.Fatal(err)
	}
	n.n1, n.n2 = n.host.Connect("n1", "r"), n.host.Connect("n2")
	if err := n.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { n.Shutdown(w.t.Context()) })
	return n
}

// Operations on clients, and events for servers, may come from an emitter, which does
// not become a member by that.
func TestEmitterActsOnClients(t *testing.T) {
	forEachLink(t, func(t *testing.T, n *adapted, l *linkOf) {
		var heard []string
		n.host.Listen(func(p core.Payload, reply func(core.Payload)) {
			heard = append(heard, string(p.Text))
			if reply != nil {
				t.Error("an answer is wanted")
			}
		})
		for _, m := range []*core.Message{
			{Kind: core.KindBroadcast, Payload: coretest.Event("to all")},
			{Kind: core.KindBroadcast, Payload: coretest.Event("to r"), To: rooms("r")},
			{Kind: core.KindSocketsJoin, To: rooms("n2"), Rooms: []string{"r"}},
			{Kind: core.KindBroadcast, Payload: coretest.Event("to both"), To: rooms("r")},
			{Kind: core.KindSocketsLeave, To: rooms("n1"), Rooms: []string{"r"}},
			{Kind: core.KindBroadcast, Payload: coretest.Event("to n2"), To: rooms("r")},
			{Kind: core.KindServerSideEmit, Payload: coretest.Event("server")},
			{Kind: core.KindDisconnectSockets, To: rooms("n2"), Close: true},
		} {
			m.From = "emitter"
			l.say(m)
		}
		within(time.Second)
		expectList(t, "n1 heard", n.n1.Received(), `["to all"]`, `["to r"]`, `["to both"]`)
		expectList(t, "n2 heard", n.n2.Received(), `["to all"]`, `["to both"]`, `["to n2"]`)
		expectList(t, "servers heard", heard, `["server"]`)
		expect(t, "n2 is here", n.host.Has("n2"), false)
		expect(t, "ignored", n.Stats().Ignored, 0)

		expect(t, "servers", n.ServerCount(), 1)
		began := time.Now()
		sockets, err := n.FetchSockets(t.Context(), core.Target{}).Wait()
		if len(sockets) != 1 || err != nil || time.Since(began) > 0 {
			t.Errorf("fetched %d sockets, %v, after %v", len(sockets), err, time.Since(began))
		}
	})
}

// Requests and responses of an emitter are refused, and it is never a member. Messages
// under another unknown name are refused too.
func TestEmitterRefused(t *testing.T) {
	forEachLink(t, func(t *testing.T, n *adapted, l *linkOf) {
		n.host.Listen(func(core.Payload, func(core.Payload)) { t.Error("the server was asked") })
		const id = "0123456789abcdef"
		bad := []*core.Message{
			{Kind: core.KindInitialHeartbeat},
			{Kind: core.KindHeartbeat},
			{Kind: core.KindAdapterClose},
			{Kind: core.KindBroadcast, RequestID: id, Payload: coretest.Event("ask")},
			{Kind: core.KindServerSideEmit, RequestID: id, Payload: coretest.Event("ask")},
			{Kind: core.KindFetchSockets, RequestID: id},
			{Kind: core.KindFetchSocketsResponse, RequestID: id},
			{Kind: core.KindServerSideEmitResponse, RequestID: id},
			{Kind: core.KindBroadcastClientCount, RequestID: id, Count: 1},
			{Kind: core.KindBroadcastAck, RequestID: id},
		}
		for _, m := range bad {
			m.From = "emitter"
		}
		for _, from := range []string{"n", "x", "Emitter", "emitter "} {
			bad = append(bad, &core.Message{Kind: core.KindBroadcast, From: from, Payload: coretest.Event("forged")})
		}
		for _, m := range bad {
			l.say(m)
		}
		l.say(&core.Message{Kind: core.KindBroadcast, From: "emitter", Payload: coretest.Event("end")})
		within(time.Second)
		expectList(t, "n1 heard", n.n1.Received(), `["end"]`)
		expect(t, "asked of the host", n.host.Count("Sockets")+n.host.Count("BroadcastWithAck"), 0)
		expect(t, "ignored", n.Stats().Ignored, uint64(len(bad)))
		expect(t, "servers", n.ServerCount(), 1)
		n.mu.Lock()
		defer n.mu.Unlock()
		expect(t, "reported", len(n.dropped), len(bad))
		if i := slices.IndexFunc(n.dropped, func(err error) bool { return !errors.Is(err, core.ErrForged) }); i >= 0 {
			t.Errorf("reported: %v", n.dropped[i])
		}
	})
}

// Messages of an emitter on a server's link are in order with the server's own, and the
// server stays a member.
func TestEmitterOnTheLinkOfAServer(t *testing.T) {
	forEachLink(t, func(t *testing.T, n *adapted, l *linkOf) {
		if n.Peers()[0].ID == "emitter" {
			return
		}
		l.say(&core.Message{Kind: core.KindHeartbeat, From: "q"})
		var want []string
		for i := range 100 {
			text := fmt.Sprint(i)
			want = append(want, `["`+text+`"]`)
			l.say(&core.Message{Kind: core.KindBroadcast, From: []string{"q", "emitter"}[i/3%2], Payload: coretest.Event(text)})
		}
		within(time.Second)
		expectList(t, "n1 heard", n.n1.Received(), want...)
		expect(t, "servers", n.ServerCount(), 2)
	})
}

// A reference peer that was dialled is known by the first message that it sends itself;
// an emitter's message on its link does not count.
func TestEmitterAtAnAddress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		listener := w.referencePort("z")
		n := w.start("n")
		w.roster.Tell(core.Peer{ID: "z1", Address: "mem://z"})
		r := w.accept(listener, "z1")
		r.say(&core.Message{Kind: core.KindBroadcast, From: "emitter", Payload: coretest.Event("x")})
		synctest.Wait()
		expectList(t, "n", n.received(), "z1: x")
		expect(t, "links", n.Links("z1"), 1)
		expect(t, "members", len(n.Members()), 0)
		r.say(&core.Message{Kind: core.KindHeartbeat})
		synctest.Wait()
		expectList(t, "members", n.Members(), "z1")
	})
}

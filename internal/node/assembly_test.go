package node_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/node"
)

// trickling is a transport on which large frames arrive when the test says so.
type trickling struct {
	core.Transport
	arrive chan struct{}
}

func (c trickling) Listen(ctx context.Context, addr string) (core.Listener, error) {
	l, err := c.Transport.Listen(ctx, addr)
	return tricklingListener{l, c.arrive}, err
}

type tricklingListener struct {
	core.Listener
	arrive chan struct{}
}

func (l tricklingListener) Accept() (core.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tricklingConn{Conn: conn, arrive: l.arrive}, nil
}

type tricklingConn struct {
	core.Conn
	arrive chan struct{}
	admit  func(bytes int) error
}

func (c *tricklingConn) OnLargeFrame(admit func(bytes int) error) { c.admit = admit }

func (c *tricklingConn) Recv() ([]byte, error) {
	frame, err := c.Conn.Recv()
	if err == nil && len(frame) > core.LargeFrame && c.admit != nil {
		if err := c.admit(len(frame)); err != nil {
			return nil, err
		}
		<-c.arrive
	}
	return frame, err
}

// TestEightLargeFramesAtOnce: what large frames of all peers take together is bounded. Those
// that do not fit wait, and nobody else does.
func TestEightLargeFramesAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const frame, maxFrame, peers = 3 << 20, 4 << 20, 8
		w := newWorld(t)
		arrive := make(chan struct{})
		a := w.start("a", func(cfg *core.Config) { cfg.MaxFrame, cfg.Transport = maxFrame, trickling{cfg.Transport, arrive} })
		links := make([]*linkOf, peers+1)
		for i := range links {
			conn := w.dial("a")
			send(t, conn, node.HelloFrame(fmt.Sprint("q", i), "", "", "json"), node.StartFrame("json"))
			links[i] = &linkOf{t, conn, json.New()}
			recv(t, conn)
		}
		event := func(i int, text string) *core.Message {
			return &core.Message{Kind: core.KindBroadcast, From: fmt.Sprint("q", i), Payload: coretest.Event(text)}
		}
		large := strings.Repeat("x", frame)
		for i, l := range links[:peers] {
			l.say(event(i, large))
		}
		synctest.Wait()
		if bytes, waiting := a.Assembling(); bytes > 2*maxFrame || bytes < frame || waiting != peers-2 {
			t.Errorf("%d bytes are under way, and %d frames wait", bytes, waiting)
		}
		links[peers].say(event(peers, "small"))
		within(time.Second)
		expectList(t, "meanwhile a got", a.received(), fmt.Sprintf("q%d: small", peers))
		links[peers-1].conn.Close(core.CloseShutdown) // while it waits
		synctest.Wait()
		close(arrive)
		within(time.Second)
		if n := len(a.received()); n < peers || n > peers+1 {
			t.Errorf("a got %d messages", n)
		}
		if bytes, waiting := a.Assembling(); bytes != 0 || waiting != 0 {
			t.Errorf("in the end %d bytes are under way, and %d frames wait", bytes, waiting)
		}
	})
}

// TestWaitingForAssemblyIsNotSilence: a link is not cut because this node does not read it.
func TestWaitingForAssemblyIsNotSilence(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		arrive := make(chan struct{})
		a := w.start("a", func(cfg *core.Config) {
			cfg.MaxFrame, cfg.Transport, cfg.HeartbeatTimeout = 2<<20, trickling{cfg.Transport, arrive}, time.Minute
		})
		large := strings.Repeat("x", 3<<19)
		for i := range 3 {
			conn := w.dial("a")
			send(t, conn, node.HelloFrame(fmt.Sprint("q", i), "", "", "json"), node.StartFrame("json"))
			recv(t, conn)
			(&linkOf{t, conn, json.New()}).say(&core.Message{Kind: core.KindBroadcast, From: fmt.Sprint("q", i), Payload: coretest.Event(large)})
			synctest.Wait()
		}
		within(90 * time.Second)
		expect(t, "links of the one that waits", a.Links("q2"), 1)
		close(arrive)
		within(time.Second)
	})
}

// TestIDsOfOneSourceAreBounded: a member that says HELLO under ever new ids does not become
// more peers than the bound of its address, and the others of that address stay.
func TestIDsOfOneSourceAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a", func(cfg *core.Config) { cfg.Transport = addressed{cfg.Transport, "192.0.2.1:4000"} })
		refused := 0
		for i := range 300 {
			conn := w.dial("a")
			send(t, conn, node.HelloFrame(fmt.Sprint("q", i), "", "", "json"))
			recv(t, conn)
			synctest.Wait() // WELCOME comes before the peer is registered
			if i >= core.DefaultMaxPeersPerSource {
				expect(t, "closed with", closedWith(t, conn), core.CloseBusy)
				refused++
			}
		}
		within(time.Second)
		expect(t, "peers", len(a.Peers()), core.DefaultMaxPeersPerSource)
		expect(t, "counted", a.Stats().RefusalReasons["too-many-peers"], uint64(refused))
		again := w.dial("a") // one of those that are linked
		send(t, again, node.HelloOfLink("q0", "0000000000000002"))
		within(time.Second)
		expect(t, "counted", a.Stats().RefusalReasons["too-many-peers"], uint64(refused))
	})
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a", func(cfg *core.Config) {
			cfg.Transport, cfg.MaxPeersPerSource = addressed{cfg.Transport, "192.0.2.1:4000"}, -1
		})
		for i := range 300 {
			send(t, w.dial("a"), node.HelloFrame(fmt.Sprint("q", i), "", "", "json"))
		}
		within(time.Second)
		expect(t, "peers without a bound", len(a.Peers()), 300)
	})
}

// TestIDsOfOneCertificateAreBounded: a member that dials from ever new addresses does not
// become more peers than one certificate may; those with others, and without, get in.
func TestIDsOfOneCertificateAreBounded(t *testing.T) {
	const limit = 5
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		identity := "spiffe://x/member"
		a := w.start("a", func(cfg *core.Config) {
			cfg.MaxPeersPerSource = limit
			cfg.Transport = certifying{cfg.Transport, func(string) string { return identity }}
		})
		say := func(id string) core.Conn {
			conn := w.dial("a")
			send(t, conn, node.HelloFrame(id, "", "", "json"))
			recv(t, conn)
			return conn
		}
		for i := range limit {
			say(fmt.Sprint("q", i))
		}
		within(time.Second)
		for i := range 3 {
			expect(t, "closed with", closedWith(t, say(fmt.Sprint("r", i))), core.CloseBusy)
		}
		within(time.Second)
		expect(t, "peers", len(a.Peers()), limit)
		expect(t, "counted", a.Stats().RefusalReasons["too-many-peers"], 3)
		if a.logs.Count("WARN", "with a certificate for spiffe://x/member") == 0 {
			t.Error("it is not told")
		}
		again := w.dial("a") // one of those that are linked
		send(t, again, node.HelloOfLink("q0", "0000000000000002"))
		within(time.Second)
		expect(t, "counted", a.Stats().RefusalReasons["too-many-peers"], 3)
		for _, other := range []string{"spiffe://x/another", ""} {
			identity = other
			say("with " + other)
			within(time.Second)
		}
		expect(t, "peers", len(a.Peers()), limit+2)
	})
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a", func(cfg *core.Config) {
			cfg.MaxPeersPerSource = limit
			cfg.Transport = certifying{cfg.Transport, func(string) string { return "spiffe://x/member" }}
		}, statically("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"))
		for i := range limit + 3 {
			w.start(fmt.Sprint("b", i), statically())
		}
		within(5 * time.Second)
		expect(t, "peers that the node has dialled", len(a.Peers()), limit+3)
	})
}

// TestForgedSocketsAreBounded: an answer with more sockets than a server can have is not
// taken, and counted.
func TestForgedSocketsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.make("a")
		a.LimitSockets(9_999)
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		conn := w.dial("a")
		send(t, conn, node.HelloFrame("q", "", "", "json"), node.StartFrame("json"))
		recv(t, conn)
		for _, sockets := range []int{9_999, 10_000} {
			(&linkOf{t, conn, json.New()}).say(&core.Message{Kind: core.KindFetchSocketsResponse, From: "q", RequestID: "r", Sockets: forged(sockets)})
		}
		within(time.Second)
		expect(t, "ignored", a.Stats().IgnoreReasons["malformed"], 1)
		expect(t, "links", a.Links("q"), 1)
		expect(t, "answers that a got", len(a.received()), 1)
	})
}

func forged(sockets int) []core.Socket {
	list := make([]core.Socket, sockets)
	for i := range list {
		list[i].ID = fmt.Sprint("s", i)
	}
	return list
}

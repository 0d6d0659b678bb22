package node_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/codec/msgpack"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/node"
)

// referencePeer is a reference node that the test plays: it speaks as
// docs/reference-protocol.md says, and remembers what it has received.
type referencePeer struct {
	t    *testing.T
	conn core.Conn
	uid  string
	told chan []byte
}

func (w *world) reference(uid string, conn core.Conn) *referencePeer {
	s := &referencePeer{w.t, conn, uid, make(chan []byte, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			frame, err := conn.Recv()
			if err != nil {
				close(s.told)
				return
			}
			s.told <- slices.Clone(frame)
		}
	}()
	w.t.Cleanup(func() { conn.Close(core.CloseShutdown); <-done })
	return s
}

// referencePort listens as the reference does on a host.
func (w *world) referencePort(host string) core.Listener {
	w.t.Helper()
	listener, err := w.net.Transport(host).Listen(w.t.Context(), host)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { listener.Close() })
	w.net.Reference(host)
	return listener
}

// accept takes the next connection as a reference node of this uid.
func (w *world) accept(listener core.Listener, uid string) *referencePeer {
	w.t.Helper()
	conn, err := listener.Accept()
	if err != nil {
		w.t.Fatal(err)
	}
	return w.reference(uid, conn)
}

// refuseAll refuses every HELLO, as the reference does, until the listener is closed.
// It calls each for every one.
func refuseAll(listener core.Listener, each func()) (done <-chan struct{}) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			each()
			conn.Recv()
			conn.Close(core.CloseHelloInvalid)
		}
	}()
	return ended
}

// say sends a message as the reference does.
func (s *referencePeer) say(m *core.Message) {
	s.t.Helper()
	if m.From == "" {
		m.From = s.uid
	}
	if m.Namespace == "" {
		m.Namespace = "/"
	}
	frame, err := msgpack.New().Append([]byte{1}, m)
	if err != nil {
		s.t.Fatal(err)
	}
	send(s.t, s.conn, frame)
}

// hears returns what it was told since the last call, as kinds.
func (s *referencePeer) hears() []string {
	s.t.Helper()
	synctest.Wait()
	var kinds []string
	for {
		select {
		case frame, ok := <-s.told:
			if !ok {
				return append(kinds, "end")
			}
			var m core.Message
			if err := msgpack.New().Decode(frame[1:], &m); frame[0] != 1 || err != nil {
				kinds = append(kinds, fmt.Sprintf("%x", frame))
				continue
			}
			kinds = append(kinds, fmt.Sprintf("%s %s of %s", m.Kind, m.Namespace, m.From))
		default:
			return kinds
		}
	}
}

func TestReferenceDials(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.start("n")
		conn := w.dial("n")
		r := w.reference("386f18bdd6681f00", conn)
		hello, _ := hex.DecodeString("0082a3756964b033383666313862646436363831663030a761646472657373b477733a2f2f3132372e302e302e313a3233373934")
		send(t, conn, hello)
		// HELLO is not answered; but a namespace is announced, so that the
		// reference answers and is known at once.
		expectList(t, "hears", r.hears(), "initial-heartbeat / of n")
		expect(t, "not a member yet", len(n.Members()), 0)
		r.say(&core.Message{Kind: core.KindHeartbeat})
		synctest.Wait()
		expectList(t, "members", n.Members(), "386f18bdd6681f00")
		expect(t, "is a reference", n.Reference("386f18bdd6681f00"), true)
		expect(t, "address", n.Peers()[0].Address, "ws://127.0.0.1:23794")

		r.say(&core.Message{Kind: core.KindInitialHeartbeat})
		expectList(t, "is answered", r.hears(), "heartbeat / of n")

		n.emit("x")
		n.Publish(&core.Message{Kind: core.KindSocketsLeaveAll, To: core.Target{Rooms: []string{"s"}}})
		expectList(t, "hears what it understands", r.hears(), "broadcast / of n")
		expect(t, "what it does not understand is no error", n.logs.Count("ERROR", ""), 0)
		r.say(&core.Message{Kind: core.KindBroadcast, Payload: coretest.Event("y")})
		r.say(&core.Message{Kind: core.KindBroadcast, From: "n2", Payload: coretest.Event("forged")})
		send(t, conn, hello, []byte{7}, []byte{1, 0xc0}, []byte{1, 0xc1})
		r.say(&core.Message{Kind: core.KindBroadcast, Payload: coretest.Event("z")})
		synctest.Wait()
		expectList(t, "n", n.received(), "386f18bdd6681f00: y", "386f18bdd6681f00: z")

		// Heartbeats go on, in both directions.
		for range 10 {
			within(3 * time.Second)
			r.say(&core.Message{Kind: core.KindHeartbeat})
		}
		heard := r.hears()
		if len(heard) < 5 || len(heard) > 8 {
			t.Errorf("in 30 s it heard %v", heard)
		}
		expect(t, "members", len(n.Members()), 1)

		r.say(&core.Message{Kind: core.KindAdapterClose})
		synctest.Wait()
		expect(t, "members after its close", len(n.Members()), 0)
		r.say(&core.Message{Kind: core.KindHeartbeat})
		synctest.Wait()
		expect(t, "members after it is back", len(n.Members()), 1)

		within(12 * time.Second)
		expect(t, "silence", n.membership(), "+386f18bdd6681f00 -386f18bdd6681f00 +386f18bdd6681f00 -386f18bdd6681f00")
		heard = r.hears()
		expect(t, "the link is closed", heard[len(heard)-1], "end")
	})
}

// A reference peer that says nothing in a namespace is not a member any more, even if
// its link is alive.
func TestReferenceNamespaceExpires(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.start("n")
		other, err := n.OpenRaw("/other", &recorder{})
		if err != nil {
			t.Fatal(err)
		}
		r := w.reference("r", w.dial("n"))
		send(t, r.conn, node.HelloFrame("r", "ws://r", ""))
		r.say(&core.Message{Kind: core.KindHeartbeat})
		r.say(&core.Message{Kind: core.KindHeartbeat, Namespace: "/other"})
		synctest.Wait()
		expect(t, "members", len(n.Members())+len(other.Members()), 2)
		for range 4 {
			within(5 * time.Second)
			r.say(&core.Message{Kind: core.KindHeartbeat})
		}
		synctest.Wait()
		expectList(t, "members of /", n.Members(), "r")
		expectList(t, "members of /other", other.Members())
	})
}

func TestReferenceIsDialled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		listener := w.referencePort("z")
		n := w.start("122c8a4529ee328f", func(cfg *core.Config) {
			cfg.Listen, cfg.Advertise, cfg.AuthToken = "n", "ws://127.0.0.1:23799", "s3cret-é"
		})
		w.roster.Tell(core.Peer{ID: "zz", Address: "mem://z"}, core.Peer{ID: n.ID(), Address: n.Advertised()})
		r := w.accept(listener, "zz")
		expectList(t, "hears", r.hears(),
			"0083a3756964b031323263386134353239656533323866a761646472657373b477733a2f2f3132372e302e302e313a3233373939a5746f6b656ea97333637265742dc3a9",
			"initial-heartbeat / of 122c8a4529ee328f")
		expect(t, "up without an answer", len(n.Peers()), 1)
		r.say(&core.Message{Kind: core.KindBroadcast, Payload: coretest.Event("x")})
		synctest.Wait()
		expectList(t, "any message makes it a member", n.Members(), "zz")
		expectList(t, "n", n.received(), "zz: x")

		// It ends the link, as it does when its roster is wrong; and is dialled again.
		r.conn.Close(core.CloseReason{Code: 1000, Text: "left-discovery"})
		w.accept(listener, "zz")
		synctest.Wait()
		expect(t, "up again", n.RecordingObserver.String(), "up zz, down zz, up zz")
	})
}

// A reference peer that restarts at the same address has another id. While discovery is
// down only its messages tell that.
func TestReferenceRestartsUnnoticed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		listener := w.referencePort("z")
		n := w.start("n")
		w.roster.Tell(core.Peer{ID: "z1", Address: "mem://z"})
		first := w.accept(listener, "z1")
		first.say(&core.Message{Kind: core.KindHeartbeat})
		synctest.Wait()
		expectList(t, "members", n.Members(), "z1")
		first.conn.Close(core.CloseShutdown)

		second := w.accept(listener, "z2") // under the id of the first
		second.say(&core.Message{Kind: core.KindHeartbeat})
		third := w.accept(listener, "z2") // under its own
		third.say(&core.Message{Kind: core.KindHeartbeat})
		third.say(&core.Message{Kind: core.KindBroadcast, Payload: coretest.Event("x")})
		synctest.Wait()
		expectList(t, "members", n.Members(), "z2")
		expectList(t, "n", n.received(), "z2: x")
		third.say(&core.Message{Kind: core.KindBroadcast, From: "z3", Payload: coretest.Event("forged")})
		w.roster.Tell(core.Peer{ID: "z2", Address: "mem://z"})
		within(time.Second)
		expect(t, "links, once it is known who is there", n.Links("z2"), 1)
	})
}

// A reference peer that refuses every HELLO is dialled with growing delays.
func TestReferenceThatRefuses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		listener := w.referencePort("z")
		n := w.start("n")
		w.roster.Tell(core.Peer{ID: "zz", Address: "mem://z"})
		tries := 0
		done := refuseAll(listener, func() { tries++ })
		within(5 * time.Minute)
		listener.Close()
		<-done
		if tries < 5 || tries > 30 {
			t.Errorf("%d tries in five minutes", tries)
		}
		expect(t, "peers", len(n.Peers()), 0)
	})
}

// A reference peer that is not in the roster any more is not dialled for ever, even if
// its address answers: dialling ends at once if another node has the address now, and
// soon if not.
func TestReferenceIsGivenUp(t *testing.T) {
	for name, roster := range map[string][]core.Peer{
		"left":     {},
		"replaced": {{ID: "a", Address: "mem://z"}}, // which dials us
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				listener := w.referencePort("z")
				w.start("n")
				w.roster.Tell(core.Peer{ID: "zz", Address: "mem://z"})
				var tries, late int
				gone := time.Now().Add(time.Second) // from the roster
				done := refuseAll(listener, func() {
					tries++
					if time.Since(gone) > 2*time.Minute || name == "replaced" && tries > 5 {
						late++
					}
				})
				within(time.Second)
				w.roster.Tell(roster...)
				within(10 * time.Minute)
				listener.Close()
				<-done
				if tries == 0 || late > 0 {
					t.Errorf("%d of %d tries were late", late, tries)
				}
			})
		})
	}
}

func TestReferenceWithoutAnID(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.referencePort("z")
		n := w.start("n", statically("z"))
		within(time.Second)
		if n.RefusedWith(core.ErrUnknownPeer) == 0 {
			t.Error("not refused")
		}
	})
}

// A new connection of a reference peer replaces its former one, which may be half open.
func TestReferenceComesAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.start("n")
		first := w.reference("r", w.dial("n"))
		send(t, first.conn, node.HelloFrame("r", "ws://r", ""))
		first.say(&core.Message{Kind: core.KindHeartbeat})
		synctest.Wait()
		second := w.reference("r", w.dial("n"))
		send(t, second.conn, node.HelloFrame("r", "ws://r", ""))
		synctest.Wait()
		expect(t, "links", n.Links("r"), 1)
		n.emit("x")
		expectList(t, "the second hears", second.hears(), "initial-heartbeat / of n", "broadcast / of n")
		expectList(t, "the first", first.hears(), "initial-heartbeat / of n", "end")
		expect(t, "observer", n.RecordingObserver.String(), "up r")
	})
}

package node_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/transport/mem"
)

// When Shutdown returns, all peers have got everything that was sent to them, even if
// they read slowly and send meanwhile.
func TestShutdownWaitsUntilAllIsTaken(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *world{
		"one stream": func(t *testing.T) *world { return newWorld(t, mem.WithBuffer(1<<10)) },
		"several streams": func(t *testing.T) *world {
			return newWorld(t, mem.WithStreams(3, 20*time.Millisecond), mem.WithBuffer(1<<10))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := open(t)
				w.net.Delay("a", "b", 50*time.Millisecond)
				a, b := w.start("a"), w.start("b")
				within(time.Second)
				stop := make(chan struct{})
				defer close(stop)
				go func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(time.Millisecond):
							b.emit("meanwhile")
						}
					}
				}()
				for i := range 1000 {
					a.emit(fmt.Sprint(i))
				}
				if err := a.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				expect(t, "b got", len(b.received()), 1000)
				synctest.Wait()
				expect(t, "b saw", b.membership(), "+a -a")
			})
		})
	}
}

// If a node leaves while a second link comes up, what it sent on the first link has
// arrived, even if the peer uses the second one already.
func TestShutdownWhileDiallingASecondLink(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.roster.Tell()
		a, b := w.start("a"), w.start("b", statically("a"))
		within(time.Second)
		w.net.Delay("b", "a", 100*time.Millisecond)
		w.roster.Tell(core.Peer{Address: "mem://b"}) // a dials too, and being smaller its link stays
		within(250 * time.Millisecond)               // b has it, a has not
		expect(t, "a's links", a.Links("b"), 1)
		expect(t, "b's links", b.Links("a"), 2)
		w.net.Delay("a", "b", 100*time.Millisecond)
		a.emit("1", "2")
		synctest.Wait()
		w.net.Delay("a", "b", 0)
		a.stop() // breaks the dialling off
		within(time.Second)
		expectList(t, "b", b.received(), "a: 1", "a: 2")
		expect(t, "b saw", b.membership(), "+a -a")
	})
}

// A node that has not offered FLUSH is not sent one.
func TestShutdownWithAPeerThatDoesNotFlush(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a")
		conn := w.dial("a")
		send(t, conn, node.HelloFrame("q", "ws://q", "", "json"), node.StartFrame("json"))
		within(time.Second)
		go a.stop()
		var last byte
		for {
			frame, err := conn.Recv()
			if err != nil {
				break
			}
			last = frame[0]
		}
		expect(t, "the last frame is a message", last, 1)
	})
}

// FLUSH is answered when as many messages as it says have arrived, and not before.
func TestFlushIsAnswered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.start("a")
		conn := w.dial("a")
		answered := false
		go func() {
			for {
				frame, err := conn.Recv()
				if err != nil {
					return
				}
				answered = answered || frame[0] == 0x0a
			}
		}()
		send(t, conn, node.HelloFrame("q", "ws://q", "", "json"), node.StartFrame("json"), []byte("\x09\x81\xa4sent\x01"))
		synctest.Wait()
		expect(t, "answered before the message", answered, false)
		send(t, conn, []byte("\x01what does not decode counts too"))
		synctest.Wait()
		expect(t, "answered", answered, true)
		send(t, conn, []byte("\x09\x81\xa4sent\xff")) // -1
		within(time.Second)
		if err := conn.Send(t.Context(), [][]byte{{4}}); err == nil {
			t.Error("a malformed FLUSH does not end the link")
		}
	})
}

// What a peer sent before it went is received, even if writing to it has failed
// already.
func TestWritingEndsBeforeReading(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a"), w.start("b")
		within(time.Second)
		w.net.Delay("b", "a", 50*time.Millisecond)
		for i := range 100 {
			b.emit(fmt.Sprint(i))
		}
		synctest.Wait()
		w.net.Kill("b")
		a.emit("in vain")
		within(time.Second)
		expect(t, "a got", len(a.received()), 100)
		expect(t, "a's observer", a.RecordingObserver.String(), "up b, down b")
	})
}

package load

import (
	"net"
	"testing"
	"time"

	"github.com/socketmesh/mesh/internal/wsframe"
)

// noWire goes nowhere.
type noWire struct{}

func (noWire) dial(*session, *net.TCPAddr, net.IP) error { return nil }
func (noWire) flush(s *session)                          { s.out = nil }
func (noWire) hangUp(s *session)                         { s.link = link{} }
func (noWire) unread(*session) bool                      { return false }
func (noWire) poll(time.Duration) error                  { return nil }
func (noWire) wake()                                     {}
func (noWire) close()                                    {}

// FuzzReceived feeds a client in any phase with what a server may send, in two
// parts.
func FuzzReceived(f *testing.F) {
	text := func(s string) []byte { return serverFrame(wsframe.Text, true, s) }
	f.Add(byte(asking), []byte("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n0{\"sid\":\"ab\"}"), 20)
	f.Add(byte(posting), []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), 3)
	f.Add(byte(polling), []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n6\x1e40{\r\n0\r\n\r\n"), 50)
	f.Add(byte(upgrading), []byte("HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x030{}"), 10)
	f.Add(byte(opening), append(text("0{}"), text(`40{"sid":"x"}`)...), 4)
	f.Add(byte(probing), text("3probe"), 1)
	f.Add(byte(joining), text("430[]"), 1)
	f.Add(byte(ready), text(`42["msg","0000000000000001000200000000000f`), 9)
	f.Add(byte(ready), text(`431000001[2]`), 9)
	f.Add(byte(ready), append(serverFrame(wsframe.Text, false, "42[\"m"), serverFrame(wsframe.Continuation, true, "sg\",\"\"]")...), 9)
	f.Fuzz(func(t *testing.T, at byte, data []byte, cut int) {
		w := &Swarm{
			plan:     Plan{Clients: 1, Count: 1, Publishers: 1}.withDefaults(),
			targets:  []target{{host: "localhost"}},
			clock:    newClock(),
			wire:     noWire{},
			sessions: make([]session, 1),
			members:  make([]int32, 1),
		}
		s := &w.sessions[0]
		s.phase = phase(at) % (ready + 1)
		w.publishers = []*publisher{newPublisher(w, 0)}
		w.publishers[0].start(w, Pace{Window: 2})
		if s.phase == idle || s.phase == dialling {
			return // nothing can come
		}
		cut = min(max(cut, 0), len(data))
		used := w.received(s, data[:cut])
		if used < 0 || used > cut {
			t.Fatalf("%d used of %d", used, cut)
		}
		if s.phase == idle || s.phase == dialling {
			return
		}
		if used := w.received(s, data[used:]); used < 0 || used > len(data) {
			t.Fatalf("%d used of %d", used, len(data))
		}
	})
}

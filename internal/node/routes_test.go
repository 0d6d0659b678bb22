package node_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
)

// reasonsOf are what a server would do with an event, by peer.
func (f *full) reasonsOf(to core.Target) string {
	text := ""
	for _, r := range f.server.Routes("/full", to, 256) {
		text += fmt.Sprintf("%s %s %v; ", r.ID, r.Reason, r.Sent)
	}
	return text
}

// TestRoutes: what is told of peers is what becomes of an event.
func TestRoutes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, _, d := w.aware("a"), w.aware("b"), w.aware("c"), w.full("d")
		within(time.Second)
		b.host.Connect("socket", "room")
		synctest.Wait()
		d.Broadcast(coretest.Event("x"), inRooms("nowhere")) // to all, since d routes so
		synctest.Wait()
		expect(t, "of a node that sends to all", d.reasonsOf(inRooms("nowhere")), "a all true; b all true; c all true; ")

		expect(t, "reasons", a.reasonsOf(inRooms("room")), "b member true; c no-member false; d silent true; ")
		expect(t, "for all", a.reasonsOf(core.Target{}), "b everybody true; c everybody true; d everybody true; ")
		before := a.sent(core.KindBroadcast)
		a.Broadcast(coretest.Event("1"), inRooms("room"))
		synctest.Wait()
		expect(t, "copies", a.sent(core.KindBroadcast)-before, 2)

		w.net.Delay("b", "a", time.Millisecond)
		a.AddSockets(inRooms("room"), []string{"new"})
		expect(t, "before b has told", a.reasonsOf(inRooms("new")), "b joining true; c no-member false; d silent true; ")
		within(10 * time.Millisecond)
		expect(t, "when it has", a.reasonsOf(inRooms("new")), "b member true; c no-member false; d silent true; ")

		expect(t, "of a namespace that is not open", len(a.server.Routes("/other", core.Target{}, 256)), 0)
		r := a.server.Routes("/full", inRooms("room"), 1000)[0]
		if r.Bytes < 1000 || r.Bytes > 1100 || r.Codec != "json" {
			t.Errorf("a frame of %d bytes for a payload of 1000, in %q", r.Bytes, r.Codec)
		}
	})
}

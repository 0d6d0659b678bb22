package socketio

import (
	"fmt"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
	meshnode "github.com/socketmesh/mesh/internal/node"
)

// Events for rooms go to the servers that have members of them: rooms joined and
// left by sockets, sockets' own, and those of sockets that have gone.
func TestRoutingByInterest(t *testing.T) {
	s := nodes(t, 3, byInterest)
	c2, s2 := s[1].client("/", "r")
	reaches := func(room string, count int) {
		t.Helper()
		await.Condition(t, room+" is known", func() bool {
			return len(fetchSockets(t, s[0].In(socket.Room(room)))) == count
		})
	}
	reaches("r", 1)
	reaches(string(s2.Id()), 1)
	before := sentBroadcasts(s[0])
	s[0].To("r").Emit("e", 1)
	c2.expect(text(`2["e",1]`))
	s[0].To(socket.Room(s2.Id())).Emit("e", 2)
	c2.expect(text(`2["e",2]`))
	s[0].To("nobody's").Emit("e", 3)
	expectSentBroadcasts(t, s[0], before+2)
	s[0].Emit("e", 4)
	c2.expect(text(`2["e",4]`))
	expectSentBroadcasts(t, s[0], before+4)

	s2.Join("late")
	reaches("late", 1)
	s2.Leave("late")
	reaches("late", 0)
	s2.Disconnect(true)
	reaches("r", 0)
	s[0].To("r", "late", socket.Room(s2.Id())).Emit("e", 5)
	s[0].Emit("e", 6)
	expectSentBroadcasts(t, s[0], before+6)
}

// expectSentBroadcasts waits until a server has sent so many, and sees that it does not send
// more before its next requests, which follow them on the same links.
func expectSentBroadcasts(t *testing.T, s *server, want uint64) {
	t.Helper()
	await.Condition(t, fmt.Sprintf("%d broadcasts are sent", want), func() bool { return sentBroadcasts(s) >= want })
	fetchSockets(t, s.In())
	if sent := sentBroadcasts(s); sent != want {
		t.Errorf("%d broadcasts were sent, want %d", sent, want)
	}
}

// sentBroadcasts counts those that have been written, which a client may get earlier.
func sentBroadcasts(s *server) uint64 {
	return s.constructor.node.(*meshnode.Node).Stats().Sent[core.KindBroadcast].Messages
}

// A test that was written for any other adapter: a socket joins on one server, and at
// once another server emits to the room, fetches its sockets and asks them.
func TestJoinThenEmitElsewhere(t *testing.T) {
	s := nodes(t, 3, byInterest)
	c, there := s[1].client("/")
	for i := range 300 {
		room := socket.Room(fmt.Sprint("room", i))
		there.Join(room)
		s[i%2*2].To(room).Emit("e", i)
		c.expect(text(fmt.Sprintf(`2["e",%d]`, i)))
		if i%10 == 0 {
			next := socket.Room(fmt.Sprint("next", i))
			there.Join(next)
			if found := fetchSockets(t, s[0].In(next)); len(found) != 1 {
				t.Fatalf("%d sockets in %s", len(found), next)
			}
		}
	}
}

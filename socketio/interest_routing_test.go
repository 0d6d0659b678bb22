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
	if sent := sentBroadcasts(s[0]) - before; sent != 2 {
		t.Errorf("%d broadcasts were sent, want 2", sent)
	}
	s[0].Emit("e", 4)
	c2.expect(text(`2["e",4]`))

	s2.Join("late")
	reaches("late", 1)
	s2.Leave("late")
	reaches("late", 0)
	s2.Disconnect(true)
	reaches("r", 0)
	before = sentBroadcasts(s[0])
	s[0].To("r", "late", socket.Room(s2.Id())).Emit("e", 5)
	if sent := sentBroadcasts(s[0]) - before; sent != 0 {
		t.Errorf("%d broadcasts were sent to rooms without members", sent)
	}
}

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

package node

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
)

// roomsBench is the number of sockets of a large server; each one's id is a room.
const roomsBench = 100_000

func socketIDs() []string {
	ids := make([]string, roomsBench)
	for i := range ids {
		ids[i] = fmt.Sprintf("%020d", i)
	}
	return ids
}

func heapInUse() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkInterest measures what routing by interest costs: memory for each room, of
// this node and of a peer; bytes of a snapshot on the wire; time of a join with its
// update, and of the choice of peers for an event.
func BenchmarkInterest(b *testing.B) {
	ids := socketIDs()
	node, err := New(core.Config{Transport: noTransport{}, Codecs: []core.Codec{noCodec{}}, Routing: core.RoutingInterest}, nil)
	if err != nil {
		b.Fatal(err)
	}
	ns := newNamespace(node, "/")
	ns.interest.watch()

	b.Run("room here", func(b *testing.B) {
		for b.Loop() {
			ns.interest.rooms, ns.interest.changed = map[uint32]int32{}, map[uint32]bool{}
			before := heapInUse()
			for _, id := range ids {
				ns.interest.Occupied(id)
				clear(ns.interest.changed) // as flush does
			}
			b.ReportMetric((heapInUse()-before)/roomsBench, "B/room")
		}
	})
	var v remoteInterest
	b.Run("room of a peer", func(b *testing.B) {
		all := make([]uint32, 0, roomsBench)
		for _, id := range ids {
			all = append(all, hashOf(id))
		}
		frame := newInterestFrame(ns, interestUpdate{first: true, last: true, adds: all})
		defer frame.release()
		for b.Loop() {
			v = remoteInterest{}
			before := heapInUse()
			v.take("/", interestUpdate{first: true, last: true, adds: all})
			b.ReportMetric((heapInUse()-before)/roomsBench, "B/room")
			b.ReportMetric(float64(len(frame.bytes))/roomsBench, "wire-B/room")
		}
	})
	b.Run("join", func(b *testing.B) {
		wire := 0
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			id := ids[i%roomsBench]
			ns.interest.Vacated(id)
			ns.interest.Occupied(id + "!")
			if f := ns.interest.flush(new(deferred)); f != nil {
				wire += len(f.bytes)
				f.release()
			}
			ns.interest.Vacated(id + "!")
			ns.interest.Occupied(id)
		}
		b.ReportMetric(float64(wire)/float64(b.N), "wire-B/op")
	})
	for _, rooms := range []int{1, 10, 30} {
		b.Run(fmt.Sprintf("lookup/rooms=%d", rooms), func(b *testing.B) {
			p := &peer{wantsInterest: true}
			p.interest.take("/", interestUpdate{first: true, last: true, adds: []uint32{1, 2, 3}})
			m := &core.Message{Kind: core.KindBroadcast, To: core.Target{Rooms: ids[:rooms]}}
			b.ReportAllocs()
			for b.Loop() {
				var r route
				if ns.routeOf(m, &r).admit(p, m, nil) != toLeaveOut {
					b.Fatal("a peer without members is included")
				}
			}
		})
	}
}

// BenchmarkWithhold measures what it costs to withhold an event from nine peers, and to
// forget it when they have answered a mark.
func BenchmarkWithhold(b *testing.B) {
	node, err := New(core.Config{Transport: noTransport{}, Codecs: []core.Codec{noCodec{}}, Routing: core.RoutingInterest}, nil)
	if err != nil {
		b.Fatal(err)
	}
	ns := newNamespace(node, "/")
	peers := make([]*peer, 9)
	for i := range peers {
		peers[i] = newPeer(node, &hello{uid: fmt.Sprint(i), offer: &offer{features: []string{featureInterest, featureMark}}}, "", terms{})
		peers[i].interest.take("/", interestUpdate{first: true, last: true, adds: []uint32{1, 2, 3}})
	}
	m := &core.Message{Kind: core.KindBroadcast, To: core.Target{Rooms: []string{"room"}}, Payload: core.Payload{Text: make([]byte, 100)}}
	var later deferred
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var r route
		node.publish(m, 0, ns.routeOf(m, &r), peers, nil, &later)
		if i%100 == 99 {
			for _, p := range peers {
				number, _ := p.interest.mark("/", true, time.Time{})
				p.interest.cover("/", number)
			}
			node.marker.take(nil)
		}
	}
	if held := node.withheld.bytes.Load(); held > 100<<10 {
		b.Errorf("%d bytes are withheld", held)
	}
}

type noTransport struct{ core.Transport }

type noCodec struct{ core.Codec }

func (noCodec) Name() string { return "none" }

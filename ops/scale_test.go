//go:build unix

package ops_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/ops"
)

// What is behind the page of TestWatchAtScale.
const (
	scaleNodes   = 100
	scaleSockets = 1000 // of a node
	scaleRooms   = 500  // of a node, of names that no other one has
	scaleLooks   = 15   // seconds that are recorded

	measuredLooks = 10
)

// recorded is a node whose peers' answers were made before, one for each second: what
// making them costs is theirs.
type recorded struct {
	*fake
	began   time.Time
	answers map[string][][]byte
}

func (r *recorded) Ask(ctx context.Context, node string, _ []byte) ([]byte, error) {
	list := r.answers[node]
	return list[min(int(time.Since(r.began)/time.Second), len(list)-1)], ctx.Err()
}

// busy makes a node do what nodes do in a second.
func busy(f *fake, s *space, clients *ops.Clients, random *rand.Rand) {
	sent, received := core.Traffic{}, core.Traffic{}
	for i := range f.stats.Peers {
		p := &f.stats.Peers[i]
		p.Sent.Messages += uint64(random.IntN(40))
		p.Sent.Bytes += uint64(random.IntN(20_000))
		p.RoundTrip = time.Duration(300+random.IntN(900)) * time.Microsecond
		if random.IntN(2000) == 0 {
			p.QueuedBytes, p.QueuedMessages = 100_000, 300
		} else {
			p.QueuedBytes, p.QueuedMessages = 0, 0
		}
		sent.Messages, sent.Bytes = sent.Messages+p.Sent.Messages, sent.Bytes+p.Sent.Bytes
		received.Messages, received.Bytes = received.Messages+p.Sent.Messages, received.Bytes+p.Sent.Bytes
	}
	f.stats.Sent = map[core.Kind]core.Traffic{core.KindBroadcast: sent}
	f.stats.Received = map[core.Kind]core.Traffic{core.KindBroadcast: received}
	clients.WebSocket += random.IntN(7) - 3
	clients.Connections += uint64(random.IntN(10))
	clients.Disconnections += uint64(random.IntN(10))
	clients.Packets += uint64(random.IntN(2000))
	clients.Frames += uint64(random.IntN(20_000))
	clients.Bytes += uint64(random.IntN(2_000_000))
	for i := range 30 {
		s.rooms[fmt.Sprintf("%s/room-%d", f.id, i)] = 5 + random.IntN(300)
	}
}

// cpu is what the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestWatchAtScale: 100 nodes, 100,000 sockets and 50,000 rooms cost a page a few kilobytes
// a second, and the node that serves it hardly anything; ten pages little more than one.
func TestWatchAtScale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := record(t)
		for _, pages := range []int{1, 10} {
			measure(t, r, pages)
		}
	})
}

// measure lets so many pages watch, while all nodes do again what was recorded.
func measure(t *testing.T, r *recorded, pages int) {
	h := ops.NewHandler(r, ops.Options{})
	defer h.Close()
	server := serve(t, h)
	r.began = time.Now()
	var readers []*reader
	for range pages {
		readers = append(readers, server.watch(""))
	}
	// looks lets all read so many lines, and returns what one has read. Decoding is the
	// page's.
	looks := func(n int) int {
		before := readers[0].bytes
		var reading sync.WaitGroup
		for _, one := range readers {
			reading.Go(func() {
				for range n {
					one.lines.Scan()
					one.bytes += len(one.lines.Bytes())
				}
			})
		}
		reading.Wait()
		return readers[0].bytes - before
	}
	whole := looks(1)
	looks(scaleLooks - measuredLooks - 2)
	before := cpu()
	bytes := looks(measuredLooks) / measuredLooks
	used := float64(cpu()-before) / float64(measuredLooks*time.Second)
	t.Logf("%d pages: %d bytes at first, then %d bytes/s each; %.2f %% of a core", pages, whole, bytes, 100*used)
	if whole > 200_000 || bytes > 60_000 {
		t.Errorf("%d bytes, then %d a second, are too many", whole, bytes)
	}
	if used > 0.5 { // far above what it is: the race detector, and other tests beside it
		t.Errorf("%.1f %% of a core", 100*used)
	}
	for _, one := range readers {
		one.conn.Close()
	}
}

// record makes a mesh, and what its nodes answer in each second.
func record(t *testing.T) *recorded {
	var ids []string
	for i := range scaleNodes {
		ids = append(ids, fmt.Sprintf("%016x", uint64(i)*0x9e3779b97f4a7c15))
	}
	began := time.Now()
	r := &recorded{answers: map[string][][]byte{}}
	all, random := map[string]*fake{}, rand.New(rand.NewPCG(1, 2))
	spaces, clients := map[string]*space{}, map[string]*ops.Clients{}
	for _, id := range ids {
		f := &fake{mu: &sync.RWMutex{}, id: id, peers: map[string]*fake{}}
		f.state = core.NodeState{ID: id, Listening: true, Advertise: "ws://10.1.2." + id[:3] + ":4000", Codecs: []string{"json", "msgpack", "proto"}, Discovery: "service", Discovered: began}
		f.stats.Started, f.stats.Version = began, "v1.2.3"
		s := &space{rooms: map[string]int{}, sockets: map[string][]string{}}
		for i := range scaleSockets {
			s.sockets[fmt.Sprintf("%s/socket-%d", id, i)] = nil
		}
		for i := range scaleRooms {
			s.rooms[fmt.Sprintf("%s/room-%d", id, i)] = 1 + i%9
		}
		f.open(s, nil)
		all[id], spaces[id], clients[id] = f, s, &ops.Clients{WebSocket: scaleSockets}
	}
	for _, f := range all {
		for _, id := range ids {
			if id != f.id {
				f.link(all[id])
			}
		}
	}
	for _, id := range ids {
		f := all[id]
		f.handler = ops.NewHandler(f, ops.Options{Clients: func() ops.Clients { return *clients[id] }})
		t.Cleanup(f.handler.Close)
	}
	type question struct {
		Links uint64 `json:"links,string"`
		Rooms bool   `json:"rooms"`
	}
	links := map[string]uint64{}
	for look := range scaleLooks {
		for _, id := range ids[1:] {
			busy(all[id], spaces[id], clients[id], random)
			q, _ := json.Marshal(map[string]any{"op": "watch", "watch": question{links[id], look%5 == 0}})
			text, err := all[id].handler.Answer(t.Context(), core.PeerInfo{ID: ids[0]}, q, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			r.answers[id] = append(r.answers[id], text)
			if look == 0 {
				var told struct {
					Links uint64 `json:"links,string"`
				}
				if err := json.Unmarshal(text, &told); err != nil {
					t.Fatal(err)
				}
				links[id] = told.Links
			}
		}
		time.Sleep(time.Second)
	}
	r.fake = all[ids[0]]
	return r
}

// BenchmarkReport is what a node of such a mesh has to do each second while somebody
// watches.
func BenchmarkReport(b *testing.B) {
	for _, rooms := range []bool{false, true} {
		b.Run(fmt.Sprintf("rooms=%t", rooms), func(b *testing.B) {
			f := &fake{mu: &sync.RWMutex{}, id: "a", peers: map[string]*fake{}}
			s := &space{rooms: map[string]int{}, sockets: map[string][]string{}}
			for i := range 50_000 {
				s.rooms[fmt.Sprintf("room-%d", i)] = i % 100
			}
			for i := range scaleNodes - 1 {
				f.link(&fake{id: fmt.Sprintf("%016d", i)})
			}
			f.open(s, nil)
			h := ops.NewHandler(f, ops.Options{})
			defer h.Close()
			q := fmt.Appendf(nil, `{"op":"watch","watch":{"links":"1","since":0,"rooms":%t}}`, rooms)
			for b.Loop() {
				if _, err := h.Answer(b.Context(), core.PeerInfo{ID: "b"}, q, 1<<20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package node_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/transport/mem"
)

// counter is a receiver that counts.
type counter struct {
	received atomic.Int64
	want     int64
	done     chan struct{}
}

func (c *counter) Receive(*core.Message) <-chan struct{} {
	if c.received.Add(1) == c.want {
		close(c.done)
	}
	return nil
}
func (c *counter) MemberJoined(string)      {}
func (c *counter) MemberLeft(string, error) {}

// BenchmarkPublish sends events of 100 bytes from one node to some others, over
// pipes in memory: the cost of encoding once, queueing, writing, reading, decoding
// and dispatching, without a network. One operation is one event to all peers.
func BenchmarkPublish(b *testing.B) {
	for _, peers := range []int{1, 2, 10} {
		b.Run(fmt.Sprintf("peers=%d", peers), func(b *testing.B) {
			net, roster := mem.NewNetwork(mem.WithBuffer(4<<20)), coretest.NewRoster()
			start := func(id string) *node.Node {
				n, err := node.New(core.Config{
					ID: id, Listen: id, Transport: net.Transport(id), Codecs: []core.Codec{json.New()},
					Discovery: roster.Discovery(), QueueBytes: 1 << 30, QueueMessages: 1 << 30,
				}, nil)
				if err != nil {
					b.Fatal(err)
				}
				if err := n.Start(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { n.Shutdown(b.Context()) })
				return n
			}
			c := &counter{want: int64(peers * b.N), done: make(chan struct{})}
			for i := range peers {
				if _, err := start(fmt.Sprintf("b%02d", i)).OpenRaw("/", c); err != nil {
					b.Fatal(err)
				}
			}
			sender := start("a")
			joined := make(chan struct{}, peers)
			cluster, err := sender.OpenRaw("/", joins(joined))
			if err != nil {
				b.Fatal(err)
			}
			for range peers {
				<-joined
			}
			event := coretest.Event("ev", strings.Repeat("x", 90))
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				cluster.Publish(&core.Message{Kind: core.KindBroadcast, Payload: event})
			}
			<-c.done
		})
	}
}

// joins is a receiver that passes on who joins.
type joins chan struct{}

func (j joins) Receive(*core.Message) <-chan struct{} { return nil }
func (j joins) MemberJoined(string)                   { j <- struct{}{} }
func (j joins) MemberLeft(string, error)              {}

package node_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/transport/mem"
)

// BenchmarkSend publishes events of 100 bytes to peers of a transport that forgets
// them: the cost of encoding once, of queueing for each, and of the writers. One operation is one
// event to all peers; what it allocates does not depend on their number.
func BenchmarkSend(b *testing.B) {
	for _, peers := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("peers=%d", peers), func(b *testing.B) {
			network, met := mem.NewNetwork(), meetings{new(coretest.RecordingObserver), make(chan string, peers)}
			node, err := node.New(core.Config{
				ID: "a", Listen: "a", Transport: lossy{network.Transport("a")}, Codecs: []core.Codec{json.New()},
				Discovery: coretest.NewRoster().Discovery(), Observer: met, QueueBytes: 1 << 30, QueueMessages: 1 << 30,
			}, nil)
			if err != nil {
				b.Fatal(err)
			}
			if err := node.Start(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { node.Shutdown(b.Context()) })
			for i := range peers {
				meet(b, network, fmt.Sprintf("b%02d", i))
			}
			for range peers {
				<-met.met
			}
			cluster, err := node.OpenRaw("/", new(counter))
			if err != nil {
				b.Fatal(err)
			}
			m := &core.Message{Kind: core.KindBroadcast, Payload: coretest.Event("ev", strings.Repeat("x", 90)), To: rooms("room")}
			b.ReportAllocs()
			for b.Loop() {
				cluster.Publish(m)
			}
		})
	}
}

// meetings is an observer that passes on new peers.
type meetings struct {
	*coretest.RecordingObserver
	met chan string
}

func (m meetings) PeerUp(p core.PeerInfo) { m.met <- p.ID }

// lossy is a transport whose connections drop all messages.
type lossy struct{ core.Transport }

type lossyListener struct{ core.Listener }

type lossyConn struct{ core.Conn }

func (t lossy) Listen(ctx context.Context, address string) (core.Listener, error) {
	l, err := t.Transport.Listen(ctx, address)
	return lossyListener{l}, err
}

func (l lossyListener) Accept() (core.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return lossyConn{conn}, nil
}

func (c lossyConn) Send(ctx context.Context, frames [][]byte) error {
	if last := frames[len(frames)-1]; last[0] == 0x01 || last[0] == 0x07 { // a message, or a batch of them
		return nil
	}
	return c.Conn.Send(ctx, frames)
}

// meet connects a peer to node a.
func meet(b *testing.B, network *mem.Network, id string) {
	b.Helper()
	conn, err := network.Transport(id).Dial(b.Context(), "mem://a")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close(core.CloseShutdown) })
	if err := conn.Send(b.Context(), [][]byte{node.HelloOfLink(id, "link"), node.StartFrame("json")}); err != nil {
		b.Fatal(err)
	}
}

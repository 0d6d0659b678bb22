package socketio

import (
	"fmt"
	"testing"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
)

// answering is a server whose clients all answer at once.
type answering struct {
	core.Host
	clients int
}

func (h answering) BroadcastWithAck(_ core.Payload, _ core.Target, count func(int), ack func(core.Payload)) {
	count(h.clients)
	for range h.clients {
		ack(core.Payload{Text: []byte(`{"ok":true,"n":123}`)})
	}
}

// BenchmarkEmitWithAck asks the clients of another server, one question after the
// other, and many at once.
func BenchmarkEmitWithAck(b *testing.B) {
	for _, clients := range []int{1, 100} {
		f := newFabric()
		s := serve(b, f.node("node1"))
		if _, err := f.node("node2").Adapter("/", answering{clients: clients}); err != nil {
			b.Fatal(err)
		}
		ask := func() error {
			done := make(chan error, 1)
			s.Timeout(await.Patience).EmitWithAck("q")(func(answers []any, err error) {
				if err == nil && len(answers) != clients {
					err = fmt.Errorf("%d answers", len(answers))
				}
				done <- err
			})
			return <-done
		}
		b.Run(fmt.Sprintf("%d clients", clients), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%d clients, at once", clients), func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := ask(); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

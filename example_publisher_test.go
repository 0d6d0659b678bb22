package mesh_test

import (
	"context"
	"log"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
)

// missed logs messages that some server does not get, or gets later.
type missed struct{ core.NopObserver }

// Published is called before Emit returns, by the goroutine that emits.
func (missed) Published(p core.Publication) {
	if p.Dropped+p.Held > 0 {
		log.Printf("%s in %s: %d servers get it, %d when they are back, %d do not", p.Kind, p.Namespace, p.Queued, p.Held, p.Dropped)
	}
}

var _ core.PublicationObserver = missed{}

// A publisher that is faster than the other servers waits for them.
func ExampleMesh_WaitForCapacity() {
	m, err := mesh.New(mesh.Config{Listen: "127.0.0.1:0", Peers: []string{"ws://10.0.0.8:4000"}}, mesh.WithObserver(missed{}))
	if err != nil {
		panic(err)
	}
	publish := func(ctx context.Context, io *socket.Server, prices <-chan float64) error {
		for price := range prices {
			waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
			err := m.WaitForCapacity(waiting)
			cancel()
			if err != nil {
				return err // names the servers that are behind
			}
			io.To("prices").Emit("price", price)
		}
		return nil
	}
	_ = publish
}

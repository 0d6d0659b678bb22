package mesh_test

import (
	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
)

// local keeps what is emitted on this server.
type local struct{ core.Adapter }

func (l local) Broadcast(event core.Payload, to core.Target) {
	to.Flags.Local = true
	l.Adapter.Broadcast(event, to)
}

// A namespace in which each server speaks to its own clients only, as for figures
// about the server itself. All others reach everybody.
func ExampleWrapAdapter_local() {
	a, b, stop := pair(func(server string) []mesh.Option {
		return []mesh.Option{
			mesh.WrapAdapter(func(inner core.Adapter) core.Adapter { return local{inner} }, "/status"),
			printDeliveriesOf(server),
		}
	})
	defer stop()
	status := a.Of("/status", nil)
	b.Of("/status", nil)
	meet(status, 2)

	status.Emit("load", 0.7)
	a.Emit("hello", "everybody")
	settle(status)
	settle(a.Sockets())
	// Output:
	// a delivers ["load",0.7] in /status to []
	// a delivers ["hello","everybody"] in / to []
	// b delivers ["hello","everybody"] in / to []
}

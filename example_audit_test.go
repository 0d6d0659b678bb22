package mesh_test

import (
	"log/slog"
	"os"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
)

// audit logs what the application asks this server to send.
type audit struct {
	core.Adapter
	log *slog.Logger
}

func (a audit) Broadcast(event core.Payload, to core.Target) {
	a.log.Info("asked", "namespace", a.Namespace(), "rooms", to.Rooms, "event", string(event.Text))
	a.Adapter.Broadcast(event, to)
}

// hostAudit logs what this server sends its clients, whoever asked for it.
type hostAudit struct {
	core.Host
	log *slog.Logger
}

func (a hostAudit) Broadcast(event core.Payload, to core.Target) {
	a.log.Info("delivered", "rooms", to.Rooms, "event", string(event.Text))
	a.Host.Broadcast(event, to)
}

// An audit log: the adapter sees what is asked of this server, the host what is
// done to its clients.
func ExampleWrapHost() {
	a, _, stop := pair(func(server string) []mesh.Option {
		log := newLog().With("server", server)
		return []mesh.Option{
			mesh.WrapAdapter(func(inner core.Adapter) core.Adapter { return audit{inner, log} }),
			mesh.WrapHost(func(namespace string, inner core.Host) core.Host {
				return hostAudit{inner, log.With("namespace", namespace)}
			}),
		}
	})
	defer stop()

	a.To("news").Emit("headline", "Mesh overridden")
	settle(a.Sockets())
	// Output:
	// level=INFO msg=asked server=a namespace=/ rooms=[news] event="[\"headline\",\"Mesh overridden\"]"
	// level=INFO msg=delivered server=a namespace=/ rooms=[news] event="[\"headline\",\"Mesh overridden\"]"
	// level=INFO msg=delivered server=b namespace=/ rooms=[news] event="[\"headline\",\"Mesh overridden\"]"
}

// newLog logs without the time, which no example could expect.
func newLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

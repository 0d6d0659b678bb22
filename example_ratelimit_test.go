package mesh_test

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
)

// limit lets so many events per period into each room.
type limit struct {
	events int
	period time.Duration

	mu    sync.Mutex
	began time.Time
	used  map[string]int // by room
}

// full counts an event for a room, and tells whether that is one too many.
func (l *limit) full(room string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.began) >= l.period {
		l.began, l.used = now, map[string]int{}
	}
	l.used[room]++
	return l.used[room] > l.events
}

// limited drops events for rooms that are full.
type limited struct {
	core.Adapter
	limit *limit
}

func (l limited) Broadcast(event core.Payload, to core.Target) {
	if !slices.ContainsFunc(to.Rooms, l.limit.full) {
		l.Adapter.Broadcast(event, to)
	}
}

// A rate limit: of what is emitted to a room beyond it, nothing leaves the server,
// and its own clients get nothing either.
func ExampleWrapAdapter() {
	a, _, stop := pair(func(server string) []mesh.Option {
		perRoom := &limit{events: 2, period: time.Hour}
		return []mesh.Option{
			mesh.WrapAdapter(func(inner core.Adapter) core.Adapter { return limited{inner, perRoom} }),
			printDeliveriesOf(server),
		}
	})
	defer stop()

	for i := range 4 {
		a.To("ticker").Emit("tick", i)
	}
	a.To("news").Emit("headline", "still here")
	settle(a.Sockets())
	// Unordered output:
	// a delivers ["tick",0] in / to [ticker]
	// a delivers ["tick",1] in / to [ticker]
	// a delivers ["headline","still here"] in / to [news]
	// b delivers ["tick",0] in / to [ticker]
	// b delivers ["tick",1] in / to [ticker]
	// b delivers ["headline","still here"] in / to [news]
}

// printed prints what a server delivers to its clients.
type printed struct {
	core.Host
	server, namespace string
}

func (p printed) Broadcast(event core.Payload, to core.Target) {
	fmt.Printf("%s delivers %s in %s to %v\n", p.server, event.Text, p.namespace, to.Rooms)
	p.Host.Broadcast(event, to)
}

func printDeliveriesOf(server string) mesh.Option {
	return mesh.WrapHost(func(namespace string, inner core.Host) core.Host {
		return printed{inner, server, namespace}
	})
}

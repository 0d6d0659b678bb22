package cluster_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
)

// All operations run at once while servers come and go: no call hangs, and each ends
// with an answer or with an error that says why not.
func TestAdapterStress(t *testing.T) {
	f := coretest.NewFabric()
	cfg := core.AdapterConfig{RequestTimeout: 20 * time.Second, InboxBytes: 8 << 10}
	var servers []*coretest.Server
	join := func(id string) *coretest.Server {
		s := f.Join(id, cfg)
		for i := range 4 {
			s.Host.Connect(fmt.Sprint(id, i), "room").Answer(func(_ core.Payload, ack func(core.Payload)) {
				if i%2 == 0 {
					ack(coretest.Value(i))
				} else {
					go ack(coretest.Value(i))
				}
			})
		}
		s.Host.Listen(func(_ core.Payload, reply func(core.Payload)) {
			if reply != nil {
				reply(coretest.Value(id))
			}
		})
		return s
	}
	for _, id := range []string{"a", "b", "c"} {
		servers = append(servers, join(id))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	settled := func(what string, err error) {
		if err != nil { // not even where a visitor leaves or dies meanwhile
			t.Errorf("%s: %v", what, err)
		}
	}
	var users, visitors sync.WaitGroup
	var stop atomic.Bool
	visitors.Go(func() {
		for i := 0; !stop.Load(); i++ {
			x := join(fmt.Sprint("x", i))
			if _, err := x.Sockets(ctx, nil).Wait(); err != nil {
				t.Errorf("a visitor asks: %v", err)
			}
			if i%2 == 0 {
				x.Close()
			} else {
				f.Kill(x.ID())
			}
		}
	})
	for _, s := range servers {
		for range 3 {
			users.Go(func() {
				for i := range 30 {
					var acks atomic.Int32
					answered := s.BroadcastWithAck(ctx, coretest.Event("ask"), rooms("room"), func(core.Payload) { acks.Add(1) })
					s.Broadcast(coretest.Event("ev"), core.Target{})
					fetched := s.FetchSockets(ctx, rooms("room"))
					s.AddAll("b1", []string{fmt.Sprint("room-", i)})
					emitted := s.ServerSideEmitWithAck(ctx, coretest.Event("ev"))
					s.Del("b1", fmt.Sprint("room-", i))
					sockets, err := fetched.Wait()
					settled("fetch", err)
					if len(sockets) < 12 {
						t.Errorf("fetched %d sockets", len(sockets))
					}
					_, err = emitted.Wait()
					settled("emit", err)
					n, err := answered.Wait()
					settled("broadcast", err)
					if n < 12 || err == nil && int(acks.Load()) != n {
						t.Errorf("%d acknowledgements of %d clients", acks.Load(), n)
					}
				}
			})
		}
	}
	users.Wait()
	stop.Store(true)
	visitors.Wait()
	f.Close()
}

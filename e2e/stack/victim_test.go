package stack

import (
	"context"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/cluster"
	"github.com/socketmesh/mesh/internal/node"
)

// victim is a node to which bad things happen: a process of its own, or a host of
// the network in memory.
type victim interface {
	hang()   // it does nothing any more
	resume() // it goes on
	kill()   // it is gone, without a word
}

// victim runs one that links itself to the members, and knows them by address only.
func (w *world) victim(id string, members ...*member) victim {
	w.Helper()
	if w.net != nil {
		return w.simulate(id)
	}
	var peers []string
	for _, m := range members {
		peers = append(peers, m.node.Advertised())
	}
	return w.spawn(id, peers)
}

// The heartbeats of the members where a victim is to be missed soon: what is
// killed says nothing over QUIC, not even through its operating system.
func alert(cfg *core.Config) {
	cfg.HeartbeatInterval, cfg.HeartbeatTimeout = 2*time.Second, 8*time.Second
}

// live is what a victim does until it is stopped: it has two clients like every
// member, and numbers messages without end once the server-side event "talk" has
// come.
func live(n *node.Node) (stop func(), err error) {
	server, err := coretest.NewTestServer(n, "/")
	if err != nil {
		return nil, err
	}
	talk := make(chan struct{}, 1)
	server.Host.Listen(func(_ core.Payload, reply func(core.Payload)) {
		if reply != nil {
			reply(coretest.Value(server.ID))
			return
		}
		select {
		case talk <- struct{}{}:
		default:
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	var talking sync.WaitGroup
	talking.Go(func() {
		select {
		case <-talk:
		case <-ctx.Done():
		}
		for n := 1; ctx.Err() == nil; n++ {
			server.Broadcast(coretest.Numbered(server.ID, n, 0), core.Target{})
			time.Sleep(time.Millisecond)
		}
	})
	stop = func() {
		cancel()
		talking.Wait()
	}
	return stop, n.Start(ctx)
}

// simulated is a victim in memory.
type simulated struct {
	w    *world
	host string
}

func (w *world) simulate(id string) victim {
	w.Helper()
	n, err := node.New(w.config(id), cluster.New)
	if err != nil {
		w.Fatal(err)
	}
	stop, err := live(n)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		stop()
		w.net.Kill(id)
		n.Shutdown(context.Background())
	})
	return simulated{w, id}
}

func (s simulated) hang()   { s.w.net.Hang(s.host) }
func (s simulated) resume() { s.w.net.Resume(s.host) }
func (s simulated) kill()   { s.w.net.Kill(s.host) }

package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// operations are what the driver can ask for. Those that wait for answers begin
// at once and return the waiting as a func.
func (s *server) operations() map[string]operation {
	type operator = *socket.BroadcastOperator
	type namespace = socket.Namespace
	type remote = *socket.RemoteSocket
	return map[string]operation{
		"open": s.inNamespace(func(*request, namespace) any { return nil }),
		"emit": s.onOperator(func(r *request, o operator) any {
			o.Emit(r.event(), r.args()...)
			return nil
		}),
		"emitWithAck": s.onOperator(func(r *request, o operator) any {
			return answered(o.EmitWithAck(r.event(), r.args()...))
		}),
		"fetchSockets": s.onOperator(func(_ *request, o operator) any {
			return func() (any, error) { return described(fetched(o.FetchSockets())) }
		}),
		"socketsJoin": s.onOperator(func(r *request, o operator) any {
			o.SocketsJoin(roomsOf(r.Rooms)...)
			return nil
		}),
		"socketsLeave": s.onOperator(func(r *request, o operator) any {
			o.SocketsLeave(roomsOf(r.Rooms)...)
			return nil
		}),
		"disconnectSockets": s.onOperator(func(r *request, o operator) any {
			o.DisconnectSockets(r.Close)
			return nil
		}),

		"remoteEmit": s.onHandle(func(r *request, h remote) (any, error) {
			return nil, h.Emit(r.event(), r.args()...)
		}),
		"remoteEmitWithAck": s.onHandle(func(r *request, h remote) (any, error) {
			return answered(h.Timeout(milliseconds(r.Timeout)).EmitWithAck(r.event(), r.args()...))()
		}),
		"remoteJoin":       s.onHandle(func(r *request, h remote) (any, error) { h.Join(roomsOf(r.Rooms)...); return nil, nil }),
		"remoteLeave":      s.onHandle(func(r *request, h remote) (any, error) { h.Leave(roomsOf(r.Rooms)...); return nil, nil }),
		"remoteDisconnect": s.onHandle(func(r *request, h remote) (any, error) { h.Disconnect(r.Close); return nil, nil }),

		"serverSideEmit": s.inNamespace(func(r *request, n namespace) any {
			n.ServerSideEmit(r.event(), r.args()...)
			return nil
		}),
		"serverSideEmitWithAck": s.inNamespace(func(r *request, n namespace) any {
			return answered(func(ack socket.Ack) { n.ServerSideEmitWithAck(r.event(), r.args()...)(ack) })
		}),
		"serverCount": s.inNamespace(func(_ *request, n namespace) any { return n.Adapter().ServerCount() }),

		"sockets": s.inCluster(func(r *request, a core.Adapter) any {
			return waitFor(a.Sockets(context.Background(), r.Rooms))
		}),
		"socketRooms": s.inCluster(func(r *request, a core.Adapter) any {
			return waitFor(a.SocketRooms(context.Background(), r.Sid))
		}),
		"addAll": s.inCluster(func(r *request, a core.Adapter) any { a.AddAll(r.Sid, r.Rooms); return nil }),
		"del":    s.inCluster(func(r *request, a core.Adapter) any { a.Del(r.Sid, r.Rooms[0]); return nil }),
		"delAll": s.inCluster(func(r *request, a core.Adapter) any { a.DelAll(r.Sid); return nil }),

		"setData":      s.setData,
		"localSockets": s.inNamespace(func(_ *request, n namespace) any { return n.Sockets().Keys() }),
		"recorded":     s.recordedEvents,
		"burst":        s.burst,
		"tick":         s.tick,
		"drain":        s.drain,
		"peers":        s.peers,
		"stats":        func(*request) (any, error) { return s.mesh.Stats(), nil },
		"shutdown":     func(*request) (any, error) { s.stop(); return nil, nil },
	}
}

func (r *request) event() string { return r.Args[0].(string) }

func (r *request) args() []any { return r.Args[1:] }

func (s *server) onOperator(do func(*request, *socket.BroadcastOperator) any) operation {
	return func(r *request) (any, error) {
		target, err := s.operator(r)
		if err != nil {
			return nil, err
		}
		return do(r, target), nil
	}
}

// onHandle has to find the socket first, which takes a request.
func (s *server) onHandle(do func(*request, *socket.RemoteSocket) (any, error)) operation {
	return func(r *request) (any, error) {
		return func() (any, error) {
			h, err := s.handle(r)
			if err != nil {
				return nil, err
			}
			return do(r, h)
		}, nil
	}
}

func (s *server) inNamespace(do func(*request, socket.Namespace) any) operation {
	return func(r *request) (any, error) { return do(r, s.namespace(r)), nil }
}

func (s *server) inCluster(do func(*request, core.Adapter) any) operation {
	return func(r *request) (any, error) { return do(r, s.cluster(r)), nil }
}

func waitFor[T any](call *core.Call[T]) func() (any, error) {
	return func() (any, error) {
		value, err := call.Wait()
		return value, err
	}
}

// described is what a FetchSockets found; what is there counts beside an error.
func described(sockets []*socket.RemoteSocket, failure error) (any, error) {
	all := []any{}
	for _, remote := range sockets {
		all = append(all, map[string]any{
			"id":        remote.Id(),
			"rooms":     remote.Rooms().Keys(),
			"data":      remote.Data(),
			"handshake": remote.Handshake(),
		})
	}
	result := map[string]any{"value": all, "error": nil}
	if failure != nil {
		result["error"] = failure.Error()
	}
	return result, nil
}

func (s *server) setData(r *request) (any, error) {
	client, err := s.localSocket(r)
	if err == nil {
		client.SetData(r.Data)
	}
	return nil, err
}

func (s *server) recordedEvents(r *request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]any{}, s.recorded[record{r.Nsp, r.Event}]...), nil
}

func (s *server) peers(*request) (any, error) {
	ids := []string{}
	for _, p := range s.mesh.Peers() {
		ids = append(ids, p.ID)
	}
	return ids, nil
}

// drain is answered when the last client has gone.
func (s *server) drain(r *request) (any, error) {
	return func() (any, error) { return nil, s.mesh.Drain(context.Background(), r.Rate) }, nil
}

// tick sends numbered messages to all clients of the mesh, one at a time, until the
// server stops.
func (s *server) tick(r *request) (any, error) {
	every := time.NewTicker(milliseconds(r.Every))
	s.ticks.Go(func() {
		defer every.Stop()
		for n := 1; ; n++ {
			select {
			case <-every.C:
				s.io.Emit("tick", s.mesh.ID(), n)
			case <-s.quiet:
				return
			}
		}
	})
	return nil, nil
}

// burst sends numbered messages in several namespaces, from a goroutine each.
func (s *server) burst(r *request) (any, error) {
	began := time.Now()
	padding := strings.Repeat("x", r.Size)
	var work sync.WaitGroup
	for _, name := range r.Nsps {
		nsp := s.io.Of(name, nil)
		work.Go(func() {
			for i := range r.Count {
				nsp.Emit("n", s.mesh.ID(), i, padding)
			}
		})
	}
	return func() (any, error) {
		work.Wait()
		return time.Since(began).Milliseconds(), nil
	}, nil
}

package main

import (
	"fmt"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio"
)

func (s *server) namespace(r *request) socket.Namespace { return s.io.Of(r.Nsp, nil) }

// cluster is the mesh's own adapter of a namespace.
func (s *server) cluster(r *request) core.Adapter { return socketio.Of(s.namespace(r)) }

// localSocket is one of this server's.
func (s *server) localSocket(r *request) (*socket.Socket, error) {
	client, ok := s.namespace(r).Sockets().Load(socket.SocketId(r.Sid))
	if !ok {
		return nil, fmt.Errorf("socket %s is not here", r.Sid)
	}
	return client, nil
}

// operator is what a request addresses: {parent | nsp, sid, to, except, flags}.
// "/" is addressed through the server.
func (s *server) operator(r *request) (*socket.BroadcastOperator, error) {
	rooms, except := roomsOf(r.To), roomsOf(r.Except)
	var target *socket.BroadcastOperator
	switch {
	case r.Sid != "":
		client, err := s.localSocket(r)
		if err != nil {
			return nil, err
		}
		switch {
		case len(rooms) > 0:
			target = client.To(rooms...)
		case len(except) > 0:
			target = client.Except(except...)
		default:
			target = client.Broadcast()
		}
	case r.Parent != nil:
		target = s.parents[*r.Parent].To(rooms...)
	case r.Nsp == "/":
		target = s.io.To(rooms...)
	default:
		target = s.namespace(r).To(rooms...)
	}
	if len(except) > 0 {
		target = target.Except(except...)
	}
	return withFlags(target, r.Flags), nil
}

func withFlags(target *socket.BroadcastOperator, f flags) *socket.BroadcastOperator {
	if f.Volatile {
		target = target.Volatile()
	}
	if f.Compress != nil {
		target = target.Compress(*f.Compress)
	}
	if f.Timeout != nil {
		target = target.Timeout(milliseconds(*f.Timeout))
	}
	if f.Local {
		target = target.Local()
	}
	return target
}

// handle is the handle of a socket anywhere in the mesh.
func (s *server) handle(r *request) (*socket.RemoteSocket, error) {
	sockets, err := fetched(s.namespace(r).In(socket.Room(r.Sid)).FetchSockets())
	for _, remote := range sockets {
		if string(remote.Id()) == r.Sid {
			return remote, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("no socket %s in the mesh", r.Sid)
	}
	return nil, err
}

// fetched waits for the result of a FetchSockets.
func fetched(fetch func(func([]*socket.RemoteSocket, error))) (sockets []*socket.RemoteSocket, err error) {
	done := make(chan struct{})
	fetch(func(found []*socket.RemoteSocket, failure error) {
		sockets, err = found, failure
		close(done)
	})
	<-done
	return sockets, err
}

func roomsOf(names []string) []socket.Room {
	rooms := make([]socket.Room, len(names))
	for i, name := range names {
		rooms[i] = socket.Room(name)
	}
	return rooms
}

// answered is the result of an operation that gathers answers: what is there
// counts beside an error.
func answered(ask func(socket.Ack)) func() (any, error) {
	answers := make(chan map[string]any, 1)
	began := time.Now()
	ask(func(values []any, err error) {
		answer := map[string]any{"value": values, "error": nil, "ms": time.Since(began).Milliseconds()}
		if err != nil {
			answer["error"] = err.Error()
		}
		answers <- answer
	})
	return func() (any, error) { return <-answers, nil }
}

package cluster

import (
	"context"
	"slices"
	"time"

	"github.com/socketmesh/mesh/core"
)

func (a *adapter) FetchSockets(ctx context.Context, to core.Target) *core.Call[[]core.Socket] {
	local := a.host.Sockets(to, false)
	if to.Flags.Local {
		return core.CallOf(local, nil)
	}
	return gather(ctx, a, fetch(to), local, func(all []core.Socket, m *core.Message) ([]core.Socket, bool) {
		return append(all, m.Sockets...), false
	})
}

// FetchOthers is FetchSockets without the sockets of this server, for a caller that has
// them already. The result has one list per server that has answered. Hosts find this
// method by assertion, like CollectAcks.
func (a *adapter) FetchOthers(ctx context.Context, to core.Target) *core.Call[[][]core.Socket] {
	if to.Flags.Local {
		return core.CallOf[[][]core.Socket](nil, nil)
	}
	return gather(ctx, a, fetch(to), nil, func(all [][]core.Socket, m *core.Message) ([][]core.Socket, bool) {
		return append(all, m.Sockets), false
	})
}

func fetch(to core.Target) *core.Message { return &core.Message{Kind: core.KindFetchSockets, To: to} }

func (a *adapter) Sockets(ctx context.Context, rooms []string) *core.Call[[]string] {
	to := core.Target{Rooms: rooms}
	return gather(ctx, a, &core.Message{Kind: core.KindFetchSockets, To: to, Brief: true}, ids(nil, a.host.Sockets(to, true)),
		func(all []string, m *core.Message) ([]string, bool) { return ids(all, m.Sockets), false })
}

func ids(all []string, sockets []core.Socket) []string {
	for i := range sockets {
		all = append(all, sockets[i].ID)
	}
	return all
}

func (a *adapter) SocketRooms(ctx context.Context, sid string) *core.Call[[]string] {
	to := only(sid)
	if a.host.Has(sid) {
		rooms, _ := roomsOf(sid, a.host.Sockets(to, true))
		return core.CallOf(rooms, nil)
	}
	return gather(ctx, a, &core.Message{Kind: core.KindFetchSockets, To: to, Brief: true}, nil,
		func(_ []string, m *core.Message) ([]string, bool) { return roomsOf(sid, m.Sockets) })
}

// roomsOf returns the rooms of the socket with this id. There may be other sockets in the
// list: any socket can join a room with that name.
func roomsOf(sid string, sockets []core.Socket) (rooms []string, found bool) {
	i := slices.IndexFunc(sockets, func(s core.Socket) bool { return s.ID == sid })
	if i < 0 {
		return nil, false
	}
	return append([]string{}, sockets[i].Rooms...), true
}

func (a *adapter) ServerSideEmitWithAck(ctx context.Context, event core.Payload) *core.Call[[]core.Payload] {
	return gather(ctx, a, &core.Message{Kind: core.KindServerSideEmit, Payload: event}, nil,
		func(all []core.Payload, m *core.Message) ([]core.Payload, bool) { return append(all, m.Payload), false })
}

// gather publishes a question and adds the members' answers to value, until all have
// answered or add returns true.
func gather[T any](ctx context.Context, a *adapter, question *core.Message, value T, add func(T, *core.Message) (T, bool)) *core.Call[T] {
	call, end := core.NewCallWithLeft[T]()
	r := &request{
		kind: question.Kind,
		take: func(answer *core.Message) (enough bool) {
			value, enough = add(value, answer)
			return enough
		},
	}
	r.done = func(err error) { end(value, r.left, err) }
	asked, err := a.requests.begin(ctx, r, a.timeout(question.To), a.cluster.Members)
	switch {
	case err != nil:
		return core.CallOf(value, err)
	case asked > 0:
		a.ask(r, question)
	}
	return call
}

// delAllAt makes a socket of a reference peer leave all rooms. The reference's protocol
// has no message for that, so the socket's rooms are fetched first.
func (a *adapter) delAllAt(server, sid string) {
	var rooms []string
	r := &request{
		kind: core.KindFetchSockets,
		take: func(answer *core.Message) (enough bool) {
			rooms, enough = roomsOf(sid, answer.Sockets)
			return enough
		},
		done: func(error) {
			if len(rooms) > 0 {
				a.sendTo(server, &core.Message{Kind: core.KindSocketsLeave, To: only(sid), Rooms: rooms})
			}
		},
	}
	if _, err := a.requests.begin(context.Background(), r, a.requestTimeout, func() []string { return []string{server} }); err != nil {
		return
	}
	if err := a.sendTo(server, &core.Message{Kind: core.KindFetchSockets, RequestID: r.id, Trace: r.trace, To: only(sid), Brief: true}); err != nil {
		a.requests.leftBefore(r, server)
	}
}

func (a *adapter) sendTo(server string, m *core.Message) error {
	err := a.cluster.SendTo(server, m)
	if err != nil {
		a.log.Debug("cannot send to a server", "kind", m.Kind, "peer", server, "error", err)
	}
	return err
}

// timeout returns how long a request waits for answers.
func (a *adapter) timeout(to core.Target) time.Duration {
	if to.Flags.Timeout > 0 {
		return to.Flags.Timeout
	}
	return a.requestTimeout
}

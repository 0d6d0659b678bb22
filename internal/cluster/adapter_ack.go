package cluster

import (
	"context"
	"time"

	"github.com/socketmesh/mesh/core"
)

func (a *adapter) BroadcastWithAck(ctx context.Context, event core.Payload, to core.Target, ack func(core.Payload)) *core.Call[int] {
	r, call := a.newPoll(to, ack)
	return a.poll(ctx, event, to, r, call)
}

// CollectAcks is BroadcastWithAck for a caller whose ack never blocks: the goroutines
// that receive the answers call it, one at a time, under a lock of the request. Calls end
// in the order in which their last answers come. Hosts find this method by assertion, and
// use it if no wrapper is around the adapter.
func (a *adapter) CollectAcks(ctx context.Context, event core.Payload, to core.Target, ack func(core.Payload)) *core.Call[int] {
	call, end := core.NewCallWithLeft[int]()
	r := &request{kind: core.KindBroadcast}
	clients := 0
	r.take = func(answer *core.Message) (enough bool) {
		if answer.Kind == core.KindBroadcastClientCount {
			clients += max(0, answer.Count)
			return false
		}
		ack(answer.Payload)
		return to.Flags.ExpectSingleResponse
	}
	r.done = func(err error) { end(clients-r.lost, r.left, err) }
	return a.poll(ctx, event, to, r, call)
}

// poll begins the request r of an acknowledged broadcast and asks for its answers. r ends
// call, which poll returns.
func (a *adapter) poll(ctx context.Context, event core.Payload, to core.Target, r *request, call *core.Call[int]) *core.Call[int] {
	if to.Flags.Timeout <= 0 {
		// The other servers wait for their clients as long as this flag says
		// (docs/reference-protocol.md, section 5).
		to.Flags.Timeout = a.timeoutWithin(ctx)
	}
	self := a.cluster.ID()
	asked := func() []string { return []string{self} }
	if !to.Flags.Local {
		asked = func() []string { return append(a.cluster.Members(), self) }
	}
	if _, err := a.requests.begin(ctx, r, to.Flags.Timeout, asked); err != nil {
		return core.CallOf(a.pollClosed(event, to), err)
	}
	// This server answers its own request like the others.
	a.collectLocalAcks(event, to, func(answer *core.Message) {
		answer.From, answer.RequestID = self, r.id
		a.requests.answer(answer)
	})
	if !to.Flags.Local {
		a.ask(r, &core.Message{Kind: core.KindBroadcast, To: to, Payload: event})
	}
	return call
}

// timeoutWithin returns the request timeout, or the time until ctx's deadline if that is
// shorter.
func (a *adapter) timeoutWithin(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return a.requestTimeout
	}
	return min(a.requestTimeout, max(time.Until(deadline), time.Millisecond))
}

// newPoll makes the request of an acknowledged broadcast. Its acknowledgements go through
// a serial queue, and so does its end: ack is user code, which may block, and must not be
// called after the call has ended.
func (a *adapter) newPoll(to core.Target, ack func(core.Payload)) (*request, *core.Call[int]) {
	call, end := core.NewCallWithLeft[int]()
	r := &request{kind: core.KindBroadcast}
	clients := 0
	type event struct {
		ack *core.Message // nil at the end
		err error
	}
	events := newSerialQueue(a.inboxBytes, &a.workers, func(e event) {
		if e.ack == nil {
			end(clients-r.lost, r.left, e.err)
			return
		}
		defer a.recoverPanic(e.ack)
		ack(e.ack.Payload)
	})
	r.take = func(answer *core.Message) (enough bool) {
		if answer.Kind == core.KindBroadcastClientCount {
			clients += max(0, answer.Count)
			return false
		}
		events.add(event{ack: answer}, sizeOf(answer))
		return to.Flags.ExpectSingleResponse
	}
	r.capacity = events.capacity
	r.done = func(err error) {
		events.unbound()
		events.add(event{err: err}, 0)
	}
	return r, call
}

// pollClosed broadcasts on this server alone, after the namespace was closed. It returns
// the number of clients.
func (a *adapter) pollClosed(event core.Payload, to core.Target) (clients int) {
	a.host.BroadcastWithAck(event, to, func(n int) { clients = n }, func(core.Payload) {})
	return clients
}

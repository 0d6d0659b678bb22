package socketio

import (
	"sync/atomic"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// BroadcastWithAck sends an event to the matching sockets of all servers, and
// gathers their answers. It is made for the library's operator, which is done when
//
//	calls of count == ServerCount, as read after this method has returned
//	answers        == sum of the counts
//
// hold at the same time, and which looks after each call of count or ack and once
// after its read. Servers join and die meanwhile, so their counts are not passed
// on. Answers are, as they come; the sum stays 0 and the number of calls 0, below
// any ServerCount. When all clients have answered, the first call of count gets
// the number of answers there were, which makes the second line hold from then on,
// and calls with 0 follow until their number is the ServerCount that the operator
// has read or will read: see [census].
//
// A server that left or died counts as those of its clients that have answered.
// Where answers of others are missing nothing is called, and the operator's timeout
// ends the matter, with the answers there are.
func (a *adapter) BroadcastWithAck(packet *parser.Packet, opts *socket.BroadcastOptions, count func(uint64), ack socket.Ack) {
	servers := a.census.pin()
	event, err := encodeEvent(packet.Data)
	if err != nil {
		logEncodeError(a.logger, "event not sent", err) // the operator's timeout tells the caller
		return
	}
	to := targetOf(opts)
	g := &gathering{adapter: a, servers: servers, single: to.Flags.ExpectSingleResponse, count: count, ack: ack}
	var call *core.Call[int]
	if a.acks != nil {
		call = a.acks.CollectAcks(a.ctx, event, to, g.answer)
	} else {
		call = a.core.BroadcastWithAck(a.ctx, event, to, g.answer)
	}
	whenDone(a, call, func(_ int, err error) { g.end(err) })
}

// gathering is an acknowledged broadcast under way.
type gathering struct {
	adapter *adapter
	servers int // at its start
	single  bool
	count   func(uint64)
	ack     socket.Ack
	answers atomic.Uint64
	bad     atomic.Pointer[error] // of the first answer that cannot be decoded
}

// answer passes a client's answer to the operator, as one element always: the
// operator compares the number of elements with that of clients. Where the
// operator expects a single answer it takes the element for the list of its
// arguments, and drops anything else; so it gets such a list.
func (g *gathering) answer(p core.Payload) {
	value, err := siovalue.Decode(p, siovalue.AsBuffer)
	if err != nil {
		bad := err
		g.bad.CompareAndSwap(nil, &bad)
	}
	if g.single {
		value = []any{value}
	}
	g.answers.Add(1)
	g.ack([]any{value}, nil)
}

// end makes the operator's numbers meet.
func (g *gathering) end(err error) {
	if bad := g.bad.Load(); bad != nil {
		g.adapter.logger.Warn("acknowledgement taken for empty", "error", *bad)
	}
	if err != nil {
		g.adapter.logger.Debug("acknowledgements incomplete", "error", err)
		return
	}
	g.count(g.answers.Load())
	for calls := 1; calls < g.calls(); calls++ {
		g.count(0)
	}
}

// calls is how many calls of count there have to be: exactly as many as servers at
// the start while the operator may still have to read that number; else perhaps
// more, since it does not mind once the numbers have met.
func (g *gathering) calls() int {
	if highest, ok := g.adapter.census.settled(); ok {
		return max(highest, g.servers)
	}
	return g.servers
}

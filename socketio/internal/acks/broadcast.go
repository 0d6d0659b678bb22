package acks

import (
	"log/slog"
	"sync/atomic"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// Broadcast passes the acknowledgements of one broadcast, from the clients of all servers,
// to the library's operator. The operator is done when
//
//	calls of count == ServerCount, as read after BroadcastWithAck has returned
//	answers        == sum of the counts
//
// hold at the same time. It checks after each call of count or ack, and once after it has
// read ServerCount.
//
// Servers join and die meanwhile, so Broadcast does not pass on their counts. It passes on
// each answer as it comes, but does not call count: as long as there are fewer calls than
// servers, the operator goes on. When all clients have answered, it calls count with the
// number of answers, which makes the second equation hold from then on. Calls with 0 follow
// until their number is the ServerCount that the operator has read or will read, see
// [ServerCount].
//
// A server that left or died counts with those of its clients that have answered. If
// answers of other servers are missing, count is not called: the operator's timeout ends
// the broadcast with the answers that there are.
type Broadcast struct {
	servers *ServerCount
	began   int // the number of servers at the beginning
	single  bool
	count   func(uint64)
	ack     socket.Ack
	logger  *slog.Logger
	answers atomic.Uint64
	bad     atomic.Pointer[error] // the error of the first answer that cannot be decoded
}

// NewBroadcast begins a broadcast. single says that the operator expects a single answer;
// count and ack are the operator's callbacks.
func NewBroadcast(servers *ServerCount, single bool, count func(uint64), ack socket.Ack, logger *slog.Logger) *Broadcast {
	return &Broadcast{servers: servers, began: servers.hold(), single: single, count: count, ack: ack, logger: logger}
}

// Answer passes a client's answer to the operator, as a list of one element, because the
// operator compares the number of elements with the number of clients. An operator that
// expects a single answer takes that element as the list of its values, and drops anything
// else: for it the element is a list, too.
func (b *Broadcast) Answer(p core.Payload) {
	value, err := siovalue.Decode(p, siovalue.AsBuffer)
	if err != nil {
		bad := err
		b.bad.CompareAndSwap(nil, &bad)
	}
	if b.single {
		value = []any{value}
	}
	b.answers.Add(1)
	b.ack([]any{value}, nil)
}

// End ends the broadcast, after the last answer. err says why answers are missing.
func (b *Broadcast) End(err error) {
	if bad := b.bad.Load(); bad != nil {
		b.logger.Warn("acknowledgement taken for empty", "error", *bad)
	}
	if err != nil {
		b.logger.Debug("acknowledgements incomplete", "error", err)
		return
	}
	b.count(b.answers.Load())
	for calls := 1; calls < b.calls(); calls++ {
		b.count(0)
	}
}

// calls returns how many calls of count there must be. While an operator may still have to
// read ServerCount, that is exactly the number of servers at the beginning. After that it
// may be more, because the operator is done as soon as the numbers are equal once.
func (b *Broadcast) calls() int {
	if highest, ok := b.servers.settled(); ok {
		return max(highest, b.began)
	}
	return b.began
}

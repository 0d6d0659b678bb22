package acks

import (
	"log/slog"
	"sync/atomic"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// Broadcast hands the acknowledgements of one broadcast, by the clients of all servers,
// to the library's operator. The operator is done when
//
//	calls of count == ServerCount, as read after BroadcastWithAck has returned
//	answers        == sum of the counts
//
// hold at the same time. It looks after each call of count or ack, and once after its
// read of ServerCount.
//
// Servers join and die meanwhile, so their counts are not passed on. Answers are, as they
// come; no call of count is made, so that there are fewer calls than servers. When all
// clients have answered, the first call of count gets the number of answers there were,
// which makes the second line hold from then on. Calls with 0 follow until their number is
// the ServerCount that the operator has read or will read, see [ServerCount].
//
// A server that left or died counts as those of its clients that have answered. Where
// answers of others are missing count is not called: the operator's timeout ends the
// broadcast, with the answers there are.
type Broadcast struct {
	servers *ServerCount
	began   int // servers, when it began
	single  bool
	count   func(uint64)
	ack     socket.Ack
	logger  *slog.Logger
	answers atomic.Uint64
	bad     atomic.Pointer[error] // of the first answer that cannot be decoded
}

// NewBroadcast begins a broadcast. single tells that the operator expects a single
// answer; count and ack are the operator's.
func NewBroadcast(servers *ServerCount, single bool, count func(uint64), ack socket.Ack, logger *slog.Logger) *Broadcast {
	return &Broadcast{servers: servers, began: servers.hold(), single: single, count: count, ack: ack, logger: logger}
}

// Answer passes a client's answer to the operator. The answer is a list of one element,
// because the operator compares the number of elements with the number of clients. An
// operator that expects a single answer takes the element for the list of its values,
// and drops anything else: so the element is a list then.
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

// End ends the broadcast, behind the last answer. err is why answers are missing.
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

// calls is how many calls of count there have to be: exactly as many as servers at the
// beginning, as long as the operator may still have to read that number. Then more are
// allowed, as the operator is done when the numbers have met once.
func (b *Broadcast) calls() int {
	if highest, ok := b.servers.settled(); ok {
		return max(highest, b.began)
	}
	return b.began
}

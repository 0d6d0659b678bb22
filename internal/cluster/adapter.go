package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
)

// New makes the [core.Adapter] of one namespace: it acts on the other servers through c,
// and on this server through h. c calls the Receiver with messages and changes of the
// members. Both results are the same value, so closing the adapter closes the receiver.
func New(c core.Cluster, h core.Host, cfg core.AdapterConfig) (core.Adapter, core.Receiver) {
	cfg.RequestTimeout = cmp.Or(cfg.RequestTimeout, core.DefaultRequestTimeout)
	cfg.InboxBytes = cmp.Or(cfg.InboxBytes, core.DefaultInboxBytes)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	a := &adapter{
		cluster:        c,
		host:           h,
		log:            cfg.Logger,
		requestTimeout: cfg.RequestTimeout,
		inboxBytes:     cfg.InboxBytes,
	}
	a.tracer, _ = c.(core.RequestTracer)
	if watcher, ok := c.(core.HandledNotifier); ok {
		a.handled = watcher.Handled
	}
	a.requests = newRequests(a.requestBegun, a.requestDone)
	a.inboxes = &inboxes{
		limit:    cfg.InboxBytes,
		owner:    &a.workers,
		handle:   a.process,
		bySender: map[string]*inbox{},
	}
	return a, a
}

// adapter is one namespace on this server. requests.go has this server's requests to the
// others, responder.go its answers to theirs.
type adapter struct {
	cluster        core.Cluster
	host           core.Host
	log            *slog.Logger
	requestTimeout time.Duration
	inboxBytes     int

	tracer   core.RequestTracer  // traces requests; nil if the cluster does not
	handled  func(*core.Message) // called when a message was acted upon; nil if the cluster does not ask for it
	requests *requests
	inboxes  *inboxes
	workers  workers
	closed   atomic.Bool
}

var (
	_ core.Adapter  = (*adapter)(nil)
	_ core.Receiver = (*adapter)(nil)
	_ core.Barrier  = (*adapter)(nil)
)

func (a *adapter) Namespace() string { return a.cluster.Namespace() }

func (a *adapter) ServerCount() int { return 1 + len(a.cluster.Members()) }

func (a *adapter) Servers() []string {
	others := a.cluster.Members()
	slices.Sort(others)
	return append([]string{a.cluster.ID()}, others...)
}

func (a *adapter) Broadcast(event core.Payload, to core.Target) {
	a.host.Broadcast(event, to)
	a.publishTo(to, &core.Message{Kind: core.KindBroadcast, To: to, Payload: event})
}

func (a *adapter) AddSockets(to core.Target, rooms []string) {
	if len(rooms) == 0 {
		return
	}
	a.host.Join(to, rooms)
	a.publishTo(to, &core.Message{Kind: core.KindSocketsJoin, To: to, Rooms: rooms})
}

func (a *adapter) DelSockets(to core.Target, rooms []string) {
	if len(rooms) == 0 {
		return
	}
	a.host.Leave(to, rooms)
	a.publishTo(to, &core.Message{Kind: core.KindSocketsLeave, To: to, Rooms: rooms})
}

func (a *adapter) DisconnectSockets(to core.Target, closeConn bool) {
	a.host.Disconnect(to, closeConn)
	a.publishTo(to, &core.Message{Kind: core.KindDisconnectSockets, To: to, Close: closeConn})
}

func (a *adapter) AddAll(sid string, rooms []string) {
	if len(rooms) == 0 {
		return
	}
	if to := only(sid); a.host.Has(sid) {
		a.host.Join(to, rooms)
	} else {
		a.publish(&core.Message{Kind: core.KindSocketsJoin, To: to, Rooms: rooms})
	}
}

func (a *adapter) Del(sid string, room string) {
	rooms := []string{room}
	if to := only(sid); a.host.Has(sid) {
		a.host.Leave(to, rooms)
	} else {
		a.publish(&core.Message{Kind: core.KindSocketsLeave, To: to, Rooms: rooms})
	}
}

func (a *adapter) DelAll(sid string) {
	to := only(sid)
	if a.host.Has(sid) {
		a.host.Leave(to, nil)
		return
	}
	a.publish(&core.Message{Kind: core.KindSocketsLeaveAll, To: to})
	for _, id := range a.cluster.Members() {
		if a.cluster.Reference(id) {
			a.delAllAt(id, sid)
		}
	}
}

func (a *adapter) ServerSideEmit(event core.Payload) {
	a.publish(&core.Message{Kind: core.KindServerSideEmit, Payload: event})
}

func (a *adapter) Close() {
	if a.closed.Swap(true) {
		return
	}
	a.cluster.Leave()
	a.requests.close()
	a.inboxes.close()
}

// Join waits, after Close, until all goroutines of the adapter have ended, or for ctx.
// Close does not wait, because a listener that runs in an inbox may call it.
func (a *adapter) Join(ctx context.Context) error {
	if err := a.workers.wait(ctx); err != nil {
		return fmt.Errorf("namespace %q: waiting for listeners to return: %w", a.Namespace(), err)
	}
	return nil
}

func (a *adapter) Receive(m *core.Message) (capacity <-chan struct{}) {
	if m.Kind.IsResponse() {
		return a.requests.receive(m)
	}
	return a.inboxes.put(m)
}

// After implements [core.Barrier].
func (a *adapter) After(id string, f func()) { a.inboxes.after(id, f) }

func (a *adapter) MemberJoined(id string) {
	a.requests.joined(id)
	a.inboxes.joined(id)
}

func (a *adapter) MemberLeft(id string, cause error) {
	// A server that was replaced has not left: it joins again at once. So its answer
	// counts as missing, even if no other server is waited for.
	a.requests.left(id, errors.Is(cause, core.ErrReplaced))
	a.inboxes.left(id)
}

// publishTo publishes m, unless to is limited to this server.
func (a *adapter) publishTo(to core.Target, m *core.Message) {
	if !to.Flags.Local {
		a.publish(m)
	}
}

func (a *adapter) publish(m *core.Message) {
	if !a.closed.Load() {
		a.cluster.Publish(m)
	}
}

// ask publishes the question of a request. Servers that the cluster leaves out, because
// it has nothing to ask of them, are not waited for.
func (a *adapter) ask(r *request, question *core.Message) {
	if a.closed.Load() {
		return
	}
	question.RequestID, question.Trace = r.id, r.trace
	for _, server := range a.cluster.Publish(question) {
		a.requests.excuse(r, server)
	}
}

// requestBegun reports a request to the cluster. It returns the trace that the request
// carries to other servers; "" for none.
func (a *adapter) requestBegun(ctx context.Context, info core.RequestInfo) (trace string) {
	info.Namespace = a.Namespace()
	a.cluster.RequestBegun(info)
	if a.tracer == nil {
		return ""
	}
	return a.tracer.TraceRequest(ctx, info)
}

func (a *adapter) requestDone(info core.RequestInfo) {
	info.Namespace = a.Namespace()
	a.cluster.RequestDone(info)
}

// recoverPanic, deferred, logs a panic of user code, which would otherwise end the
// process.
func (a *adapter) recoverPanic(m *core.Message) {
	if v := recover(); v != nil {
		a.log.Error("panic while handling a message", "kind", m.Kind, "peer", m.From, "panic", v, "stack", string(debug.Stack()))
	}
}

// only returns a target of one socket, whose id is a room of its own.
func only(sid string) core.Target { return core.Target{Rooms: []string{sid}} }

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/cluster"
)

// manualCluster is a cluster whose messages the test reads and writes itself.
type manualCluster struct {
	mu        sync.Mutex
	sent      []string // as "to: kind …"
	left      int
	begun     []core.RequestInfo
	requests  []core.RequestInfo
	members   []string
	reference bool
	err       error // of SendTo
}

func (d *manualCluster) ID() string        { return "self" }
func (d *manualCluster) Namespace() string { return "/" }
func (d *manualCluster) Members() []string { return append([]string(nil), d.members...) }

func (d *manualCluster) note(to string, m *core.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent = append(d.sent, fmt.Sprintf("%s: %v id=%s count=%d %s", to, m.Kind, m.RequestID, m.Count, m.Payload.Text))
}

func (d *manualCluster) Publish(m *core.Message) []string        { d.note("all", m); return nil }
func (d *manualCluster) SendTo(id string, m *core.Message) error { d.note(id, m); return d.err }
func (d *manualCluster) Reference(string) bool                   { return d.reference }
func (d *manualCluster) RequestBegun(info core.RequestInfo)      { d.begun = append(d.begun, info) }
func (d *manualCluster) RequestDone(info core.RequestInfo)       { d.requests = append(d.requests, info) }
func (d *manualCluster) Leave()                                  { d.left++ }
func (d *manualCluster) open(h core.Host) (core.Adapter, core.Receiver) {
	return cluster.New(d, h, core.AdapterConfig{})
}

// scriptedHost is a host that does in an acknowledged broadcast what the test says.
type scriptedHost struct {
	*coretest.Host
	play func(to core.Target, count func(int), ack func(core.Payload))
}

func (s scriptedHost) BroadcastWithAck(_ core.Payload, to core.Target, count func(int), ack func(core.Payload)) {
	s.play(to, count, ack)
}

// Whatever a host does, the requester gets one count of clients, and after it no more
// acknowledgements than that.
func TestResponderAnswersBroadcast(t *testing.T) {
	v := func(i int) core.Payload { return coretest.Value(i) }
	count := func(n int) string { return fmt.Sprintf("b: broadcast-client-count id=7 count=%d ", n) }
	ack := func(i int) string { return fmt.Sprintf("b: broadcast-ack id=7 count=0 %d", i) }
	for name, tt := range map[string]struct {
		play func(to core.Target, count func(int), ack func(core.Payload))
		want []string
	}{
		"as it should": {func(_ core.Target, count func(int), ack func(core.Payload)) {
			count(2)
			ack(v(1))
			ack(v(2))
		}, []string{count(2), ack(1), ack(2)}},
		"early acks": {func(_ core.Target, count func(int), ack func(core.Payload)) {
			ack(v(1))
			ack(v(2))
			count(3)
			ack(v(3))
		}, []string{count(3), ack(1), ack(2), ack(3)}},
		"too many acks": {func(_ core.Target, count func(int), ack func(core.Payload)) {
			count(1)
			ack(v(1))
			ack(v(2))
		}, []string{count(1), ack(1)}},
		"too many early acks": {func(_ core.Target, count func(int), ack func(core.Payload)) {
			ack(v(1))
			ack(v(2))
			count(1)
			ack(v(3))
		}, []string{count(1), ack(1)}},
		"no count":         {func(_ core.Target, count func(int), ack func(core.Payload)) { ack(v(1)) }, []string{count(0)}},
		"two counts":       {func(_ core.Target, count func(int), ack func(core.Payload)) { count(1); count(2) }, []string{count(1)}},
		"a negative count": {func(_ core.Target, count func(int), ack func(core.Payload)) { ack(v(1)); count(-1) }, []string{count(0)}},
		"acks in time and late": {func(to core.Target, count func(int), ack func(core.Payload)) {
			count(2)
			time.AfterFunc(to.Flags.Timeout-1, func() { ack(v(1)) })
			time.AfterFunc(to.Flags.Timeout, func() { ack(v(2)) })
		}, []string{count(2), ack(1)}},
		"a panic": {func(core.Target, func(int), func(core.Payload)) { panic("user code") }, nil},
	} {
		for _, timeout := range []time.Duration{0, time.Second} {
			t.Run(fmt.Sprint(name, " ", timeout), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					d := &manualCluster{}
					_, r := d.open(scriptedHost{coretest.NewHost(), func(to core.Target, count func(int), ack func(core.Payload)) {
						want := timeout
						if want == 0 {
							want = core.DefaultRequestTimeout
						}
						expect(t, "the host's timeout", to.Flags.Timeout, want)
						tt.play(to, count, ack)
					}})
					r.Receive(&core.Message{
						Kind: core.KindBroadcast, From: "b", Namespace: "/", RequestID: "7",
						Payload: coretest.Event("ask"), To: core.Target{Flags: core.Flags{Timeout: timeout}},
					})
					within(time.Minute)
					expectList(t, "answers", d.sent, tt.want...)
				})
			})
		}
	}
}

// If the requester has gone, the answer is dropped and a line is logged.
func TestResponderRequesterGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := &manualCluster{err: core.ErrNoServer}
		h := coretest.NewHost()
		_, r := d.open(h)
		r.Receive(&core.Message{Kind: core.KindFetchSockets, From: "b", RequestID: "7"})
		r.Receive(&core.Message{Kind: core.KindBroadcast, From: "b", RequestID: "8", Payload: coretest.Event("ask")})
		r.Receive(&core.Message{Kind: core.KindHeartbeat, From: "b"})
		r.Receive(&core.Message{Kind: 99, From: "b"})
		synctest.Wait()
		expectList(t, "tried", d.sent, "b: fetch-sockets-response id=7 count=0 ", "b: broadcast-client-count id=8 count=0 ")
		expect(t, "calls of the host", len(h.Calls()), 2)
	})
}

// Only the first reply of a listener is sent, and none if the request wants none.
func TestResponderRepliesOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := &manualCluster{}
		h := coretest.NewHost()
		_, r := d.open(h)
		h.Listen(func(_ core.Payload, reply func(core.Payload)) {
			for i := range 3 {
				reply(coretest.Value(i))
			}
		})
		r.Receive(&core.Message{Kind: core.KindServerSideEmit, From: "b", RequestID: "7", Payload: coretest.Event("who")})
		synctest.Wait()
		expectList(t, "answers", d.sent, "b: server-side-emit-response id=7 count=0 0")
	})
}

// Without members no request is sent. Events are published all the same.
func TestAdapterWithoutMembersAsksNobody(t *testing.T) {
	d := &manualCluster{}
	a, _ := d.open(coretest.NewHost())
	a.FetchSockets(t.Context(), core.Target{}).Wait()
	a.ServerSideEmitWithAck(t.Context(), coretest.Event("who")).Wait()
	expectList(t, "sent", d.sent)
	a.Broadcast(coretest.Event("ev"), core.Target{})
	expectList(t, "sent", d.sent, `all: broadcast id= count=0 ["ev"]`)
}

// A broadcast whose context has ended is sent all the same, with a timeout that is over
// for those who get it.
func TestAdapterAckOfAnExpiredContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := &manualCluster{members: []string{"b"}}
		h := coretest.NewHost()
		a, _ := d.open(h)
		ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
		defer cancel()
		_, err := a.BroadcastWithAck(ctx, coretest.Event("ask"), core.Target{}, func(core.Payload) {}).Wait()
		// It may have ended before even this server had counted.
		var incomplete *core.IncompleteError
		if !errors.As(err, &incomplete) || !errors.Is(err, context.DeadlineExceeded) || !slices.Contains(incomplete.Missing, "b") {
			t.Errorf("ended with %v", err)
		}
		expect(t, "sent", len(d.sent), 1)
		expect(t, "timeout", h.Calls()[0].To.Flags.Timeout, time.Millisecond)
	})
}

func TestAdapterClosesOnce(t *testing.T) {
	d := &manualCluster{members: []string{"b"}}
	a, _ := d.open(coretest.NewHost())
	a.Close()
	a.Close()
	expect(t, "left", d.left, 1)
	a.Broadcast(coretest.Event("ev"), core.Target{})
	a.ServerSideEmit(coretest.Event("ev"))
	a.FetchSockets(t.Context(), core.Target{})
	a.DelAll("x")
	expectList(t, "sent", d.sent)
}

// A reference server that is gone before it can be asked for a socket's rooms is
// not waited for.
func TestAdapterDelAllAtAServerThatIsGone(t *testing.T) {
	d := &manualCluster{members: []string{"b"}, reference: true, err: core.ErrNoServer}
	a, _ := d.open(coretest.NewHost())
	a.DelAll("x")
	expect(t, "requests that have ended", len(d.requests), 1)
	expect(t, "requests that have begun", len(d.begun), 1)
	expect(t, "the request that has begun", d.begun[0], core.RequestInfo{ID: d.requests[0].ID, Kind: d.requests[0].Kind, Namespace: d.Namespace()})
	expect(t, "error", d.requests[0].Err, nil)
	expect(t, "servers that had left", d.requests[0].Left, 1)
}

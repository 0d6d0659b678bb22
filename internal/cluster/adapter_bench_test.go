package cluster_test

import (
	"context"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/cluster"
)

// void is a cluster of many members that swallows messages.
type void struct {
	core.Cluster
	members []string
	answer  func(*core.Message) // what the members do with a question
	host    tally
}

func (*void) ID() string                         { return "self" }
func (*void) Namespace() string                  { return "/" }
func (v *void) Members() []string                { return append([]string(nil), v.members...) }
func (v *void) Publish(m *core.Message) []string { v.answer(m); return nil }
func (*void) RequestBegun(core.RequestInfo)      {}
func (*void) RequestDone(core.RequestInfo)       {}

// tally is a host that counts broadcasts.
type tally struct {
	core.Host
	heard atomic.Int64
}

func (c *tally) Broadcast(core.Payload, core.Target)   { c.heard.Add(1) }
func (*tally) Sockets(core.Target, bool) []core.Socket { return nil }

func newVoid() (*void, core.Adapter, core.Receiver) {
	v := &void{members: strings.Fields("b c d e f g h i"), answer: func(*core.Message) {}}
	a, r := cluster.New(v, &v.host, core.AdapterConfig{})
	for _, id := range v.members {
		r.MemberJoined(id)
	}
	return v, a, r
}

func BenchmarkAdapterBroadcast(b *testing.B) {
	_, a, _ := newVoid()
	event, to := coretest.Event("ev", "hello"), rooms("room")
	b.ReportAllocs()
	for b.Loop() {
		a.Broadcast(event, to)
	}
}

// One sender, as fast as it can.
func BenchmarkAdapterReceive(b *testing.B) {
	v, _, r := newVoid()
	m := &core.Message{Kind: core.KindBroadcast, From: "b", Namespace: "/", Payload: coretest.Event("ev", "hello"), To: rooms("room")}
	b.ReportAllocs()
	n := int64(0)
	for b.Loop() {
		r.Receive(m)
		n++
	}
	for v.host.heard.Load() < n {
		runtime.Gosched()
	}
}

// A message now and then: the inbox wakes up for each.
func BenchmarkAdapterReceiveOne(b *testing.B) {
	v, _, r := newVoid()
	m := &core.Message{Kind: core.KindBroadcast, From: "b", Namespace: "/", Payload: coretest.Event("ev", "hello"), To: rooms("room")}
	b.ReportAllocs()
	for n := int64(1); b.Loop(); n++ {
		r.Receive(m)
		for v.host.heard.Load() < n {
			runtime.Gosched()
		}
	}
}

func BenchmarkAdapterFetchSockets(b *testing.B) {
	v, a, r := newVoid()
	v.answer = func(m *core.Message) {
		for _, id := range v.members {
			r.Receive(&core.Message{Kind: core.KindFetchSocketsResponse, From: id, RequestID: m.RequestID})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.FetchSockets(context.Background(), core.Target{}).Wait(); err != nil {
			b.Fatal(err)
		}
	}
}

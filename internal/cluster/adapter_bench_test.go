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

// discardCluster is a cluster of many members that drops what is published.
type discardCluster struct {
	core.Cluster
	members []string
	answer  func(*core.Message) // what the members do with a question
	host    countingHost
}

func (*discardCluster) ID() string                         { return "self" }
func (*discardCluster) Namespace() string                  { return "/" }
func (v *discardCluster) Members() []string                { return append([]string(nil), v.members...) }
func (v *discardCluster) Publish(m *core.Message) []string { v.answer(m); return nil }
func (*discardCluster) RequestBegun(core.RequestInfo)      {}
func (*discardCluster) RequestDone(core.RequestInfo)       {}

// countingHost counts broadcasts.
type countingHost struct {
	core.Host
	heard atomic.Int64
}

func (c *countingHost) Broadcast(core.Payload, core.Target)   { c.heard.Add(1) }
func (*countingHost) Sockets(core.Target, bool) []core.Socket { return nil }

func newDiscardCluster() (*discardCluster, core.Adapter, core.Receiver) {
	v := &discardCluster{members: strings.Fields("b c d e f g h i"), answer: func(*core.Message) {}}
	a, r := cluster.New(v, &v.host, core.AdapterConfig{})
	for _, id := range v.members {
		r.MemberJoined(id)
	}
	return v, a, r
}

func BenchmarkAdapterBroadcast(b *testing.B) {
	_, a, _ := newDiscardCluster()
	event, to := coretest.Event("ev", "hello"), rooms("room")
	b.ReportAllocs()
	for b.Loop() {
		a.Broadcast(event, to)
	}
}

// One sender publishes as fast as it can.
func BenchmarkAdapterReceive(b *testing.B) {
	v, _, r := newDiscardCluster()
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

// Messages come one by one: the inbox's goroutine wakes up for each.
func BenchmarkAdapterReceiveOne(b *testing.B) {
	v, _, r := newDiscardCluster()
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
	v, a, r := newDiscardCluster()
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

//go:build unix

package node_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/transport/mem"
)

// BenchmarkNamespaces opens many namespaces on three nodes, has a fourth node come up
// beside them, and closes them: what one takes stays the same whatever their number.
func BenchmarkNamespaces(b *testing.B) {
	for _, count := range []int{1_000, 10_000, 31_000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			var opening, meeting, closing time.Duration
			before := cpuTime(b)
			for b.Loop() {
				net, roster := mem.NewNetwork(mem.WithBuffer(4<<20)), coretest.NewRoster()
				start := func(id string) *node.Node {
					n, err := node.New(core.Config{
						ID: id, Listen: id, Transport: net.Transport(id), Codecs: []core.Codec{json.New()},
						Discovery: roster.Discovery(), Routing: core.RoutingInterest,
					}, nil)
					if err != nil {
						b.Fatal(err)
					}
					if err := n.Start(b.Context()); err != nil {
						b.Fatal(err)
					}
					return n
				}
				open := func(n *node.Node) (clusters []core.Cluster) {
					for i := range count {
						c, err := n.OpenRaw(fmt.Sprint("/", i), new(counter))
						if err != nil {
							b.Fatal(err)
						}
						n.Occupancy(c.Namespace()).Occupied("room")
						clusters = append(clusters, c)
					}
					return clusters
				}
				nodes := []*node.Node{start("a"), start("b"), start("c")}
				await.Condition(b, "the nodes meet", func() bool { return len(nodes[0].Peers())+len(nodes[1].Peers())+len(nodes[2].Peers()) == 6 })

				began := time.Now()
				var all [][]core.Cluster
				for _, n := range nodes {
					all = append(all, open(n))
				}
				known := func(members int) func() bool {
					return func() bool {
						for _, clusters := range all {
							for _, i := range []int{0, count / 2, count - 1} {
								if len(clusters[i].Members()) != members {
									return false
								}
							}
						}
						return true
					}
				}
				await.Condition(b, "namespaces of 2 members", known(2))
				opened := time.Now()
				late := start("d")
				all = append(all, open(late))
				await.Condition(b, "namespaces of 3 members", known(3))
				met := time.Now()
				for _, c := range all[0] {
					c.Leave()
				}
				all = all[1:]
				await.Condition(b, "namespaces of 2 members", known(2))
				opening, meeting, closing = opening+opened.Sub(began), meeting+met.Sub(opened), closing+time.Since(met)
				for _, n := range append(nodes, late) {
					ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
					if err := n.Shutdown(ctx); err != nil {
						b.Log(err)
					}
					cancel()
				}
			}
			total := float64(b.N * count)
			b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/total, "cpu-ns/namespace")
			b.ReportMetric(float64(opening.Nanoseconds())/total/3, "ns-open/namespace")
			b.ReportMetric(float64(meeting.Nanoseconds())/total, "ns-meet/namespace")
			b.ReportMetric(float64(closing.Nanoseconds())/total, "ns-close/namespace")
		})
	}
}

// cpuTime returns the CPU time that the process has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

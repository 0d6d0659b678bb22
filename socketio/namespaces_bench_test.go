package socketio

import (
	"fmt"
	"regexp"
	"testing"
)

// BenchmarkDynamicNamespaces has a client connect to so many namespaces of a parent,
// and go: time per namespace stays the same whatever their number.
func BenchmarkDynamicNamespaces(b *testing.B) {
	for _, count := range []int{1_000, 10_000, 31_000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			before := cpu()
			for b.Loop() {
				s := nodes(b, 3, byInterest)
				s[0].Of(regexp.MustCompile(`^/dynamic-\d+$`), nil)
				c := s[0].dial("EIO=4")
				for i := range count {
					c.connect(fmt.Sprintf("/dynamic-%d,", i))
				}
			}
			b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N*count), "cpu-µs/namespace")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*count), "µs/namespace")
		})
	}
}

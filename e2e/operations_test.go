package e2e

import (
	"slices"
	"testing"
)

// scenario is one thing that works across servers.
type scenario struct {
	name   string
	goOnly bool // not where Node servers take part: the reference cannot
	run    func(s *stage)
}

// meshes are the clusters that all scenarios run on, from each origin.
var meshes = []struct {
	name      string
	discovery string
	kinds     []string
	origins   []int
	codec     string
	routing   string
}{
	{"go", goKind, []string{goKind, goKind, goKind}, []int{0}, "", ""},
	{"go, by interest", goKind, []string{goKind, goKind, goKind}, []int{0}, "", "interest"},
	{"go, msgpack", nodeKind, []string{goKind, goKind, goKind}, []int{0}, "msgpack", ""},
	{"mixed, Go's discovery", goKind, []string{goKind, nodeKind, goKind}, []int{0, 1}, "", "interest"},
	{"mixed, Node's discovery", nodeKind, []string{nodeKind, goKind, nodeKind}, []int{0, 1}, "", ""},
	{"node", nodeKind, []string{nodeKind, nodeKind, nodeKind}, []int{0}, "", ""}, // the stand-in alone
}

// patterns of the dynamic namespaces that the servers have.
const dynamic = `^/dynamic-\d+$`

func TestOperations(t *testing.T) {
	for _, m := range meshes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, m.discovery, m.kinds, args{
				"heartbeatInterval": 500, "heartbeatTimeout": 10_000, "parents": list{dynamic}, "codec": m.codec, "routing": m.routing,
			})
			for _, origin := range m.origins {
				t.Run("from "+m.kinds[origin], func(t *testing.T) {
					for _, table := range [][]scenario{emitScenarios, ackScenarios, socketScenarios, serverScenarios, payloadScenarios} {
						for _, scenario := range table {
							if scenario.goOnly && (m.codec != "" || slices.Contains(m.kinds, nodeKind)) {
								continue
							}
							t.Run(scenario.name, func(t *testing.T) { scenario.run(setStage(t, c, origin)) })
						}
					}
				})
			}
		})
	}
}

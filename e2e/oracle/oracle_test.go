package oracle

import (
	"slices"
	"sync/atomic"
	"testing"
)

// leastCells is how much is covered at least; less means that scenarios got lost.
const leastCells = 500

func TestOracle(t *testing.T) {
	known, err := readDifferences("../../docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	d := startDriver(t)
	if len(d.cells) < leastCells {
		t.Fatalf("there are %d cells, at least %d are expected", len(d.cells), leastCells)
	}
	var names []string
	of := map[string][]cell{}
	for _, c := range d.cells {
		if _, ok := of[c.Scenario]; !ok {
			names = append(names, c.Scenario)
		}
		of[c.Scenario] = append(of[c.Scenario], c)
	}
	var played atomic.Int64
	t.Run("scenario", func(t *testing.T) {
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				for _, c := range of[name] {
					t.Run(c.Transport, func(t *testing.T) {
						t.Parallel()
						checkCell(t, d, c, known)
						played.Add(1)
					})
				}
			})
		}
	})
	if int(played.Load()) < len(d.cells) {
		return // not all were asked for
	}
	for _, k := range known {
		if !k.needed.Load() {
			t.Errorf("docs/differences.md: %s does not differ, or not only so", k.id)
		}
	}
}

// checkCell plays a cell and compares.
func checkCell(t *testing.T, d *driver, c cell, known []*difference) {
	all, err := d.play(c)
	if err != nil {
		t.Fatal(err)
	}
	node := all["node"]
	if wrong, ok := node["went wrong"]; ok {
		t.Fatalf("Node's server does not play it: %s\n%v", wrong, node)
	}
	var ours []string
	for who := range all {
		if who != "node" {
			ours = append(ours, who)
		}
	}
	slices.Sort(ours)
	for _, who := range ours {
		if text := compare(c, who, node, all[who], known); text != "" {
			t.Error(text)
		}
	}
}

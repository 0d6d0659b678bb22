package oracle

import (
	"encoding/json"
	"testing"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

// cell is a scenario by a transport.
type cell struct {
	Scenario  string `json:"scenario"`
	Transport string `json:"transport"`
}

// transcript is what each actor has seen.
type transcript map[string][]string

// plays are the transcripts of one cell, by who served: "node" and ours.
type plays map[string]transcript

// driver is the process in which scenarios are played.
type driver struct {
	*procs.Process
	cells []cell
}

func startDriver(t *testing.T) *driver {
	t.Helper()
	p, err := procs.Start("driver", "node", "node/driver.js", serverBinary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		if t.Failed() {
			t.Logf("log of the driver:\n%s", p.Log.Tail())
		}
	})
	d := &driver{Process: p}
	if err := json.Unmarshal(p.Ready, &struct{ Cells *[]cell }{&d.cells}); err != nil {
		t.Fatalf("the driver's first line %q: %v", p.Ready, err)
	}
	return d
}

// play has a cell played. How long that may take is the driver's business.
func (d *driver) play(c cell) (plays, error) {
	answer, err := d.Begin("play", map[string]any{"scenario": c.Scenario, "transport": c.Transport})
	if err != nil {
		return nil, err
	}
	result, err := d.Result("play", <-answer)
	if err != nil {
		return nil, err
	}
	var all plays
	return all, json.Unmarshal(result, &all)
}

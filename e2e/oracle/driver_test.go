package oracle

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
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
	cells []cell

	cmd   *exec.Cmd
	in    io.WriteCloser
	ended chan struct{}

	mu      sync.Mutex
	last    int
	waiting map[int]chan plays
}

func startDriver(t *testing.T) *driver {
	t.Helper()
	d := &driver{cmd: exec.Command("node", "node/driver.js", serverBinary), ended: make(chan struct{}), waiting: map[int]chan plays{}}
	d.cmd.Stderr = os.Stderr
	d.cmd.Env = append(os.Environ(), "NODE_NO_WARNINGS=1")
	in, err := d.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.in = in
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.in.Close()
		<-d.ended
	})
	lines := bufio.NewReader(out)
	first, err := lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(first, &struct{ Cells *[]cell }{&d.cells})
	}
	go d.read(lines)
	if err != nil {
		t.Fatalf("the driver's first line %q: %v", first, err)
	}
	return d
}

// read takes answers until the process ends.
func (d *driver) read(lines *bufio.Reader) {
	defer close(d.ended)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var answer struct {
			ID          int
			Transcripts plays
		}
		if err := json.Unmarshal(line, &answer); err != nil {
			fmt.Fprintf(os.Stderr, "oracle: not an answer: %q\n", line)
			continue
		}
		d.mu.Lock()
		waiting := d.waiting[answer.ID]
		delete(d.waiting, answer.ID)
		d.mu.Unlock()
		waiting <- answer.Transcripts
	}
	d.cmd.Wait()
}

// play has a cell played.
func (d *driver) play(c cell) (plays, error) {
	waiting := make(chan plays, 1)
	d.mu.Lock()
	d.last++
	d.waiting[d.last] = waiting
	line, err := json.Marshal(struct {
		ID int `json:"id"`
		cell
	}{d.last, c})
	if err == nil {
		_, err = d.in.Write(append(line, '\n'))
	}
	d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case p := <-waiting:
		return p, nil
	case <-d.ended:
		return nil, errors.New("the driver has ended")
	}
}

package compat

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

type (
	args = map[string]any
	list = []any
)

// patience is how long anything may take that must happen. A run on a busy
// machine is slow, not wrong.
const patience = time.Minute

var errDriver = errors.New("the process of the clients has ended")

// driver is the process in which npm's clients run: a line of JSON asks for an
// operation, another one answers. It is started with the first client.
type driver struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	ended chan struct{}

	mu      sync.Mutex
	lastID  int
	pending map[int]chan answer
}

type answer struct {
	ID     int             `json:"id"`
	OK     bool            `json:"ok"`
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`
}

// theDriver is shared by all tests.
var theDriver struct {
	once sync.Once
	*driver
	err error
}

func startDriver(t *trial) *driver {
	t.Helper()
	theDriver.once.Do(func() { theDriver.driver, theDriver.err = launch() })
	if theDriver.err != nil {
		t.Fatal(theDriver.err)
	}
	return theDriver.driver
}

func stopDriver() {
	if d := theDriver.driver; d != nil {
		d.in.Close()
		<-d.ended
	}
}

func launch() (*driver, error) {
	d := &driver{cmd: exec.Command("node", "node/client.js"), ended: make(chan struct{}), pending: map[int]chan answer{}}
	d.cmd.Stderr = os.Stderr
	d.cmd.Env = append(os.Environ(), "NODE_NO_WARNINGS=1")
	var err error
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the clients: %w", err)
	}
	go d.read(bufio.NewReader(out))
	return d, nil
}

// read takes answers until the process ends.
func (d *driver) read(out *bufio.Reader) {
	defer close(d.ended)
	for {
		line, err := out.ReadBytes('\n')
		if err != nil {
			break
		}
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			fmt.Fprintf(os.Stderr, "clients: not an answer: %q\n", line)
			continue
		}
		d.mu.Lock()
		waiting := d.pending[a.ID]
		delete(d.pending, a.ID)
		d.mu.Unlock()
		if waiting != nil {
			waiting <- a
		}
	}
	d.cmd.Wait()
}

// ask waits for the result of an operation.
func (d *driver) ask(op string, members args) (json.RawMessage, error) {
	waiting := make(chan answer, 1)
	d.mu.Lock()
	d.lastID++
	request := args{"id": d.lastID, "op": op, "within": patience.Milliseconds()}
	for key, value := range members {
		request[key] = value
	}
	d.pending[d.lastID] = waiting
	line, err := json.Marshal(request)
	if err == nil {
		_, err = d.in.Write(append(line, '\n'))
	}
	d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case a := <-waiting:
		if !a.OK {
			return nil, errors.New(a.Error)
		}
		return a.Result, nil
	case <-d.ended:
		return nil, errDriver
	case <-time.After(patience + 5*time.Second):
		return nil, errors.New("no answer of the clients' process")
	}
}

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Deadlines. They are generous: a run on a busy machine is slow, not wrong.
const (
	startTime = time.Minute
	askTime   = time.Minute
)

type (
	args = map[string]any
	list = []any
)

var errExited = errors.New("the process has ended")

// process is a child that speaks the control protocol: one JSON object per line,
// a request {id, op, …} answered with {id, ok, result|error}.
type process struct {
	name   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	ready  json.RawMessage // the first line it says
	exited chan struct{}   // closed when it has ended
	log    journal         // what it wrote to its standard error

	mu      sync.Mutex
	lastID  int
	pending map[int]chan reply
	dead    bool
}

type reply struct {
	ID     int             `json:"id"`
	OK     bool            `json:"ok"`
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`
}

// launch starts a process and waits until it is ready.
func launch(name string, command ...string) (*process, error) {
	p := &process{
		name:    name,
		cmd:     exec.Command(command[0], command[1:]...),
		exited:  make(chan struct{}),
		pending: map[int]chan reply{},
	}
	p.cmd.Stderr = &p.log
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	first := make(chan json.RawMessage, 1)
	go p.read(bufio.NewReader(out), first)
	select {
	case p.ready = <-first:
		return p, nil
	case <-p.exited:
		return nil, fmt.Errorf("%s: %w before it was ready:\n%s", name, errExited, p.log.tail())
	case <-time.After(startTime):
		p.kill()
		return nil, fmt.Errorf("%s: not ready in %v:\n%s", name, startTime, p.log.tail())
	}
}

// read takes the answers in until the process ends.
func (p *process) read(out *bufio.Reader, first chan<- json.RawMessage) {
	defer close(p.exited)
	if line, err := out.ReadBytes('\n'); err == nil {
		first <- line
	}
	for {
		line, err := out.ReadBytes('\n')
		if err != nil {
			break
		}
		var r reply
		if err := json.Unmarshal(line, &r); err != nil {
			fmt.Fprintf(&p.log, "not an answer: %q\n", line)
			continue
		}
		p.mu.Lock()
		waiting := p.pending[r.ID]
		delete(p.pending, r.ID)
		p.mu.Unlock()
		if waiting != nil {
			waiting <- r
		}
	}
	p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = true
	for _, waiting := range p.pending {
		close(waiting)
	}
	p.pending = nil
}

// begin sends a request; the answer comes over the channel, which is closed
// without one if the process ends.
func (p *process) begin(op string, members args) (<-chan reply, error) {
	answer := make(chan reply, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return nil, fmt.Errorf("%s: %s: %w", p.name, op, errExited)
	}
	p.lastID++
	request := args{"id": p.lastID, "op": op}
	for key, value := range members {
		request[key] = value
	}
	line, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	p.pending[p.lastID] = answer
	_, err = p.in.Write(append(line, '\n'))
	return answer, err
}

// ask sends a request and waits for the answer.
func (p *process) ask(op string, members args) (any, error) {
	answer, err := p.begin(op, members)
	if err != nil {
		return nil, err
	}
	return p.await(op, answer)
}

func (p *process) await(op string, answer <-chan reply) (any, error) {
	select {
	case r, ok := <-answer:
		switch {
		case !ok:
			return nil, fmt.Errorf("%s: %s: %w", p.name, op, errExited)
		case !r.OK:
			return nil, fmt.Errorf("%s: %s: %s", p.name, op, r.Error)
		}
		var result any
		if err := json.Unmarshal(r.Result, &result); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", p.name, op, err)
		}
		return result, nil
	case <-time.After(askTime):
		return nil, fmt.Errorf("%s: %s: no answer in %v", p.name, op, askTime)
	}
}

// do is ask where a failure ends the test.
func (p *process) do(t *testing.T, op string, members args) any {
	t.Helper()
	result, err := p.ask(op, members)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// start is launch for one test: the process is killed at its end, and what it
// logged is shown if the test has failed.
func start(t *testing.T, name string, command ...string) *process {
	t.Helper()
	p, err := launch(name, command...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		p.checkLog(t)
	})
	return p
}

// checkLog fails the test where the process had an accident.
func (p *process) checkLog(t *testing.T) {
	text := p.log.String()
	for _, accident := range []string{"WARNING: DATA RACE", "panic", "UnhandledPromiseRejection"} {
		if strings.Contains(text, accident) {
			t.Errorf("%s: %s", p.name, accident)
		}
	}
	if t.Failed() {
		t.Logf("log of %s:\n%s", p.name, p.log.tail())
	}
}

// signal sends a signal. SIGSTOP has taken effect when it returns.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("%s: %v: %v", p.name, s, err)
	}
	if s == syscall.SIGSTOP {
		eventually(t, askTime, func() error {
			if !p.stopped() {
				return fmt.Errorf("%s has not stopped", p.name)
			}
			return nil
		})
	}
}

// stopped tells whether all threads of the process are stopped, where the system
// says so.
func (p *process) stopped() bool {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
	if err != nil || len(tasks) == 0 {
		return true
	}
	for _, task := range tasks {
		stat, err := os.ReadFile(task)
		// pid (name) state …; the name may contain anything.
		if end := bytes.LastIndex(stat, []byte(") ")); err != nil || end < 0 || stat[end+2] != 'T' {
			return false
		}
	}
	return true
}

// kill ends the process, at once, and waits for that.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
	p.in.Close()
}

// ended waits until the process has ended by itself and returns its exit code.
func (p *process) ended(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(askTime):
		t.Fatalf("%s: has not ended in %v", p.name, askTime)
	}
	return p.cmd.ProcessState.ExitCode()
}

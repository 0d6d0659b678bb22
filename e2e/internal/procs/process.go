package procs

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Patience is how long a process may take to start, to answer or to end. A run on a
// busy machine is slow, not wrong.
const Patience = time.Minute

// ErrExited is that the process has ended.
var ErrExited = errors.New("the process has ended")

// Process is a child that answers requests. Its methods may be called by several
// goroutines at once.
type Process struct {
	Name  string
	Ready json.RawMessage // the first line it said
	Log   Log             // what it wrote to its standard error

	cmd    *exec.Cmd
	in     io.WriteCloser
	exited chan struct{} // closed when it has ended

	mu      sync.Mutex
	lastID  int
	pending map[int]chan Answer
	dead    bool
}

// Answer is what a process says to a request.
type Answer struct {
	ID     int             `json:"id"`
	OK     bool            `json:"ok"`
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`
}

// Start starts a process and waits until it is ready.
func Start(name string, command ...string) (*Process, error) {
	p := &Process{
		Name:    name,
		cmd:     exec.Command(command[0], command[1:]...),
		exited:  make(chan struct{}),
		pending: map[int]chan Answer{},
	}
	p.cmd.Stderr = &p.Log
	p.cmd.Env = append(p.cmd.Environ(), "NODE_NO_WARNINGS=1")
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
	case p.Ready = <-first:
		return p, nil
	case <-p.exited:
		return nil, fmt.Errorf("%s: %w before it was ready:\n%s", name, ErrExited, p.Log.Tail())
	case <-time.After(Patience):
		p.Kill()
		return nil, fmt.Errorf("%s: not ready in %v:\n%s", name, Patience, p.Log.Tail())
	}
}

// read takes the answers in until the process ends.
func (p *Process) read(out *bufio.Reader, first chan<- json.RawMessage) {
	defer close(p.exited)
	if line, err := out.ReadBytes('\n'); err == nil {
		first <- line
	}
	for {
		line, err := out.ReadBytes('\n')
		if err != nil {
			break
		}
		var a Answer
		if err := json.Unmarshal(line, &a); err != nil {
			fmt.Fprintf(&p.Log, "not an answer: %q\n", line)
			continue
		}
		p.mu.Lock()
		waiting := p.pending[a.ID]
		delete(p.pending, a.ID)
		p.mu.Unlock()
		if waiting != nil {
			waiting <- a
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

// Begin sends a request; the answer comes over the channel, which is closed
// without one if the process ends.
func (p *Process) Begin(op string, members map[string]any) (<-chan Answer, error) {
	answer := make(chan Answer, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return nil, fmt.Errorf("%s: %s: %w", p.Name, op, ErrExited)
	}
	p.lastID++
	request := map[string]any{"id": p.lastID, "op": op}
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

// Await waits for the answer to a request and returns its result.
func (p *Process) Await(op string, answer <-chan Answer) (json.RawMessage, error) {
	select {
	case a := <-answer:
		return p.Result(op, a)
	case <-time.After(Patience):
		return nil, fmt.Errorf("%s: %s: no answer in %v", p.Name, op, Patience)
	}
}

// Result is what an answer says; the zero Answer is that of a process that has ended.
func (p *Process) Result(op string, a Answer) (json.RawMessage, error) {
	switch {
	case a.ID == 0:
		return nil, fmt.Errorf("%s: %s: %w", p.Name, op, ErrExited)
	case !a.OK:
		return nil, fmt.Errorf("%s: %s: %s", p.Name, op, a.Error)
	}
	return a.Result, nil
}

// Ask sends a request and waits for the result.
func (p *Process) Ask(op string, members map[string]any) (json.RawMessage, error) {
	answer, err := p.Begin(op, members)
	if err != nil {
		return nil, err
	}
	return p.Await(op, answer)
}

// Pid is the id of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal. SIGSTOP has taken effect when it returns.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("%s: %v: %w", p.Name, s, err)
	}
	if s != syscall.SIGSTOP {
		return nil
	}
	for deadline := time.Now().Add(Patience); !Stopped(p.Pid()); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s has not stopped in %v", p.Name, Patience)
		}
	}
	return nil
}

// Kill ends the process, at once, and waits for that.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.exited
	p.in.Close()
}

// Close asks the process to end, by the end of its input, and waits for that.
func (p *Process) Close() {
	p.in.Close()
	<-p.exited
}

// Ended waits until the process has ended by itself and returns its exit code.
func (p *Process) Ended() (int, error) {
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(Patience):
		return 0, fmt.Errorf("%s: has not ended in %v", p.Name, Patience)
	}
}

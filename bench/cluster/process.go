package cluster

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// stopTime is how long a process may take to end after its input has ended.
const stopTime = 5 * time.Second

// process is a server in a separate process group.
type process struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	lines  chan string // the lines that it prints
	errors *tail
	done   chan struct{} // closed when it has ended
}

// startProcess starts a command. The command must end when its standard input ends, so that
// it does not survive a benchmark that is killed.
func startProcess(cmd *exec.Cmd) (*process, error) {
	ownGroup(cmd)
	p := &process{cmd: cmd, lines: make(chan string, 16), errors: &tail{}, done: make(chan struct{})}
	cmd.Stderr = p.errors
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = stdin
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Args[0], err)
	}
	go p.attend(stdout)
	return p, nil
}

// attend passes on the first lines that the process prints, and waits for its end.
func (p *process) attend(stdout io.Reader) {
	defer close(p.done)
	for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
		select {
		case p.lines <- scanner.Text():
		default: // nobody waits for the line
		}
	}
	p.cmd.Wait()
}

// line waits for the next line with this prefix, and returns the rest of it.
func (p *process) line(ctx context.Context, prefix string) (string, error) {
	for {
		select {
		case line := <-p.lines:
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return strings.TrimSpace(rest), nil
			}
		case <-p.done:
			if len(p.lines) > 0 {
				continue // lines from before it has ended
			}
			return "", fmt.Errorf("%s ended before it was ready: %s", strings.Join(p.cmd.Args, " "), p.errors)
		case <-ctx.Done():
			return "", fmt.Errorf("%s was not ready in time: %s", strings.Join(p.cmd.Args, " "), p.errors)
		}
	}
}

// Serve starts a single server, and returns what it prints after "listening". stop ends it.
func Serve(ctx context.Context, cmd *exec.Cmd) (address string, stop func(), err error) {
	p, err := startProcess(cmd)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if address, err = p.line(ctx, "listening "); err != nil {
		p.stop()
		return "", nil, err
	}
	return address, p.stop, nil
}

// stop stops the process and its children, and waits for that.
func (p *process) stop() {
	p.stdin.Close()
	terminateGroup(p.cmd)
	select {
	case <-p.done:
	case <-time.After(stopTime):
	}
	killGroup(p.cmd)
	<-p.done
}

// err returns an error if the process has ended.
func (p *process) err() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended (%v): %s", strings.Join(p.cmd.Args, " "), p.cmd.ProcessState, p.errors)
	default:
		return nil
	}
}

// tail keeps the end of a process's error output.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if extra := len(t.text) - tailSize; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.text) == 0 {
		return "it said nothing"
	}
	return strings.TrimSpace(string(t.text))
}

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

// askTime is how long anything may take that is asked for. It is generous: a run on a
// busy machine is slow, not wrong.
const askTime = procs.Patience

type (
	args = map[string]any
	list = []any
)

// process is a server, a discovery or the clients, as tests see them.
type process struct {
	*procs.Process
	name string
}

// launch starts a process and waits until it is ready.
func launch(name string, command ...string) (*process, error) {
	p, err := procs.Start(name, command...)
	return &process{p, name}, err
}

// ask sends a request and waits for the answer.
func (p *process) ask(op string, members args) (any, error) {
	return value(p.Ask(op, members))
}

// await waits for the answer to what Begin has sent.
func (p *process) await(op string, answer <-chan procs.Answer) (any, error) {
	return value(p.Await(op, answer))
}

func value(result json.RawMessage, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	var v any
	err = json.Unmarshal(result, &v)
	return v, err
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
		p.Kill()
		p.checkLog(t)
	})
	return p
}

// checkLog fails the test where the process had an accident.
func (p *process) checkLog(t *testing.T) {
	text := p.Log.String()
	for _, accident := range []string{"WARNING: DATA RACE", "panic", "UnhandledPromiseRejection"} {
		if strings.Contains(text, accident) {
			t.Errorf("%s: %s", p.name, accident)
		}
	}
	if t.Failed() {
		t.Logf("log of %s:\n%s", p.name, p.Log.Tail())
	}
}

// signal sends a signal. SIGSTOP has taken effect when it returns.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// ended waits until the process has ended by itself and returns its exit code.
func (p *process) ended(t *testing.T) int {
	t.Helper()
	code, err := p.Ended()
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// linesWith are the lines of a log that name something.
func linesWith(log, name string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		if strings.Contains(line, name) {
			fmt.Fprint(&b, line)
		}
	}
	return b.String()
}

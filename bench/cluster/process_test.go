package cluster

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func shell(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell here")
	}
	return exec.Command("sh", "-c", script)
}

// TestServe: the address is what follows "listening", and the process ends with
// its input.
func TestServe(t *testing.T) {
	address, stop, err := Serve(t.Context(), shell(t, "echo hello; echo listening http://here; cat"))
	if err != nil {
		t.Fatal(err)
	}
	if address != "http://here" {
		t.Errorf("address %q", address)
	}
	begun := time.Now()
	stop()
	if took := time.Since(begun); took > stopTime {
		t.Errorf("stopping took %v", took)
	}
}

// TestServersThatFail say why.
func TestServersThatFail(t *testing.T) {
	if _, _, err := Serve(t.Context(), shell(t, "echo no luck >&2; exit 3")); err == nil || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("error %v", err)
	}
	if _, _, err := Serve(t.Context(), exec.Command("/nonexistent/server")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := Serve(ctx, shell(t, "cat")); err == nil || !strings.Contains(err.Error(), "not ready in time") {
		t.Errorf("error %v", err)
	}
}

// TestStubbornServer is killed.
func TestStubbornServer(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as servers have to end")
	}
	_, stop, err := Serve(t.Context(), shell(t, "trap '' TERM; echo listening x; while :; do sleep 1; done"))
	if err != nil {
		t.Fatal(err)
	}
	stop()
}

// TestClusterThatDoesNotStart leaves nothing behind, which TestMain sees.
func TestClusterThatDoesNotStart(t *testing.T) {
	n := 0
	p := Preset{Name: "half", mesh: true, command: func(*Options, environment) *exec.Cmd {
		if n++; n == 2 {
			return shell(t, "echo the second one fails >&2; exit 1")
		}
		return shell(t, "echo listening x; cat")
	}}
	if _, err := Start(t.Context(), p, 2, Options{}); err == nil || !strings.Contains(err.Error(), "the second one fails") {
		t.Errorf("error %v", err)
	}
}

func TestClusterKnowsOfDeadServers(t *testing.T) {
	p := Preset{Name: "mortal", command: func(*Options, environment) *exec.Cmd { return shell(t, "echo listening x; echo cause >&2") }}
	c, err := Start(t.Context(), p, 2, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	for _, process := range c.processes {
		<-process.done
	}
	if err := c.Err(); err == nil || !strings.Contains(err.Error(), "cause") {
		t.Errorf("error %v", err)
	}
	if len(c.URLs) != 2 || c.URLs[0] != "x" {
		t.Errorf("URLs %q", c.URLs)
	}
}

func TestSingleKindsHaveOneServer(t *testing.T) {
	p := Preset{Name: "single", Single: true, command: func(*Options, environment) *exec.Cmd { return shell(t, "echo listening x; cat") }}
	c, err := Start(t.Context(), p, 5, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	if len(c.processes) != 1 {
		t.Errorf("%d servers", len(c.processes))
	}
	if err := c.Err(); err != nil {
		t.Error(err)
	}
	if s := c.Sample(t.Context()); s.Known && s.Servers.Resident <= 0 {
		t.Errorf("sample %+v", s)
	}
}

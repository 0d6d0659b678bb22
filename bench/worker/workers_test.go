package worker

import (
	"context"
	"errors"
	"net/http/httptest"
	"os/exec"
	"testing"
	"time"

	"github.com/socketmesh/mesh/bench/baseline"
	"github.com/socketmesh/mesh/internal/load"
)

// workers are three workers with seven clients of a server in this process.
func workers(t *testing.T) *Workers {
	t.Helper()
	s := &baseline.Server{}
	web := httptest.NewServer(s)
	ws, err := Local(t.Context(), 3, load.Plan{URLs: []string{web.URL}, Clients: 7, Publishers: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ws.Close(); err != nil {
			t.Error(err)
		}
		web.Close()
		s.Close()
	})
	tally, err := ws.Connect(t.Context())
	if err != nil || tally.Ready != 7 {
		t.Fatalf("%d of 7 connected: %v, %s", tally.Ready, err, tally.LastError)
	}
	return ws
}

// TestWorkersShareTheClients: workers have all clients, and publishers on several workers reach
// everybody.
func TestWorkersShareTheClients(t *testing.T) {
	ws := workers(t)
	ctx := t.Context()
	if err := ws.Publish(ctx, load.Pace{Rate: 100}); err != nil {
		t.Fatal(err)
	}
	if ok, err := ws.Settled(ctx, time.Minute); !ok || err != nil {
		t.Fatalf("settled %v, %v", ok, err)
	}
	before, err := ws.Finish(ctx, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.Publish(ctx, load.Pace{Window: 5, Messages: 100}); err != nil {
		t.Fatal(err)
	}
	const deliveries = 4 * 100 * 7
	for got := uint64(0); got < deliveries; {
		tally, err := ws.Tally(ctx)
		if err != nil {
			t.Fatal(err)
		}
		got = tally.Deliveries - before.Total.Deliveries
	}
	r, err := ws.Finish(ctx, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Total.Deliveries - before.Total.Deliveries; n != deliveries || r.Lost != 0 {
		t.Errorf("%d deliveries, want %d; %d lost", n, deliveries, r.Lost)
	}
}

// TestCallsEndWithTheContext, even if a worker is not done.
func TestCallsEndWithTheContext(t *testing.T) {
	ws := workers(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := ws.Settled(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// TestWorkersThatDie fail the call, and do not hang the workers.
func TestWorkersThatDie(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell here")
	}
	_, err := Start(t.Context(), 2, load.Plan{}, func() *exec.Cmd { return exec.Command("sh", "-c", "exit 1") })
	if err == nil {
		t.Error("no error")
	}
	_, err = Start(t.Context(), 2, load.Plan{}, func() *exec.Cmd { return exec.Command("/nonexistent/worker") })
	if err == nil {
		t.Error("no error")
	}
}

// TestBadPlan is refused by the workers.
func TestBadPlan(t *testing.T) {
	if _, err := Local(t.Context(), 2, load.Plan{Clients: 1}); err == nil {
		t.Error("a plan without servers was taken")
	}
}

package bench

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/socketmesh/mesh/bench/baseline"
)

// fewInStorm are settings of a storm that is over soon.
func fewInStorm() Settings {
	s := few(Storm)
	s.Present, s.Newcomers, s.AtOnce, s.Within, s.Clients = 10, 30, 8, 30*time.Second, 40
	return s
}

// TestStorm: newcomers get in beside clients that are there, whose answers are timed before
// and meanwhile.
func TestStorm(t *testing.T) {
	r := measure(t, meshServers(t), fewInStorm())
	s := r.Storm
	if s.Present != 10 || s.In != 30 || s.Lost+s.Out+s.LostAfter+s.Unanswered != 0 || s.Wait == nil || s.Wait.Count != 30 || s.NewcomersRate <= 0 {
		t.Errorf("%+v", s)
	}
	if s.Before == nil || s.Before.Count == 0 || s.Probe == nil || s.Probe.Count == 0 {
		t.Errorf("answers: %+v, %+v", s.Before, s.Probe)
	}
}

// TestStormTells what a server does wrong: that it refuses some, disconnects those that
// are there, and lets others in never.
func TestStormTells(t *testing.T) {
	s := &baseline.Server{}
	var came atomic.Int64
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := came.Add(1); {
		case n <= 10:
			s.ServeHTTP(w, r)
		case n == 13: // the third newcomer
			s.Close()
			fallthrough
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(web.Close)
	settings := fewInStorm()
	settings.Within = time.Second
	r, err := Run(t.Context(), "urls", settings, &Setup{URLs: []string{web.URL}, Descriptors: 1000})
	if err != nil {
		t.Fatal(err)
	}
	out := r.Storm
	reasons := 0
	for _, n := range out.Reasons {
		reasons += n
	}
	if out.Lost != 10 || reasons != 10 || out.In != 0 || out.Out != 30 || out.Refused < 30 || out.Retries < 30 || out.Retries > 60 || r.Connected != 0 {
		t.Errorf("%+v", out)
	}
	for _, want := range []string{" clients that were there: ", "newcomers did not get in", "503"} {
		if !strings.Contains(r.Error, want) {
			t.Errorf("%q has no %q", r.Error, want)
		}
	}
}

// TestStormNeedsThePresent: without those that are to be there nothing is measured.
func TestStormNeedsThePresent(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	_, err := Run(t.Context(), "urls", fewInStorm(), &Setup{URLs: []string{gone.URL}, Descriptors: 1000})
	if err == nil || !strings.Contains(err.Error(), "no client could connect") {
		t.Error(err)
	}
}

// TestStormPlans: the bound on newcomers is for all processes together, and there is none
// without one.
func TestStormPlans(t *testing.T) {
	s := Settings{Mode: Storm, Present: 38_000, Newcomers: 300_000, AtOnce: 1600, Size: 100, RoomsPerClient: 1}.withDefaults(&Setup{Descriptors: 20_000}, 20)
	if s.Workers != 16 || s.Sources != 2 || s.presentWorkers(&Setup{Descriptors: 20_000}) != 2 {
		t.Errorf("%d and %d workers, %d sources", s.presentWorkers(&Setup{Descriptors: 20_000}), s.Workers, s.Sources)
	}
	if n := s.newcomersPlan(s.plan(nil)).InFlight; n != 100 {
		t.Errorf("%d at once in each process", n)
	}
	s.AtOnce = 0
	if n := s.newcomersPlan(s.plan(nil)).InFlight; n < 300_000/16 {
		t.Errorf("%d at once in each process, without a bound", n)
	}
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/socketmesh/mesh/internal/load"
)

const (
	// probeRate is how many of the connected clients per second send an event, to measure
	// the time of its answer.
	probeRate = 100
	// clientPatience is the time after which a newcomer gives up an attempt: the default of
	// the option timeout of Socket.IO's clients.
	clientPatience = 20 * time.Second
)

// StormResult has the numbers of a storm: many newcomers at servers that have clients.
type StormResult struct {
	Present int `json:"present"` // clients that were connected before
	// Lost is how many of them were disconnected, or gave up the server because its ping
	// was late; and why.
	Lost    int            `json:"presentLost"`
	Reasons map[string]int `json:"reasons,omitempty"`

	In             int            `json:"newcomersIn"`   // newcomers that connected
	Out            int            `json:"newcomersOut"`  // newcomers that had not connected at the end of the time
	LostAfter      int            `json:"newcomersLost"` // newcomers that connected, and were disconnected
	ReasonsAfter   map[string]int `json:"newcomersReasons,omitempty"`
	Refused        int            `json:"refused"`  // attempts that were answered with 503
	TimedOut       int            `json:"timedOut"` // attempts without a result for 20 s
	Retries        int            `json:"retries"`  // attempts after one that failed
	LastFailure    string         `json:"lastFailure,omitempty"`
	NewcomersRate  float64        `json:"newcomersPerSecond"`
	Wait           *Percentiles   `json:"wait,omitempty"` // from a newcomer's first attempt until it was connected
	ServerSeconds  float64        `json:"serverCPUSeconds,omitempty"`
	ServerPerEntry float64        `json:"serverCPUPerNewcomer,omitempty"` // microseconds

	// Before and Probe are the time of an event of a present client and its answer: before,
	// and during the storm.
	Before     *Percentiles `json:"probeBefore,omitempty"`
	Probe      *Percentiles `json:"probe,omitempty"`
	Unanswered int          `json:"probesUnanswered"`
	// PingLate is how late the servers' pings reached present clients during the storm.
	PingLate *Percentiles `json:"pingLate,omitempty"`
}

// presentWorkers returns how many processes hold the present clients.
func (s Settings) presentWorkers(setup *Setup) int {
	each := max(setup.Descriptors-reserved, 1)
	return (s.Present + each - 1) / each
}

// presentPlan returns the plan of the present clients.
func (s Settings) presentPlan(plan load.Plan) load.Plan {
	plan.Clients, plan.Publishers, plan.Heartbeats = s.Present, 0, true
	plan.Rooms, plan.RoomsPerClient, plan.ConnectRate = 1, 1, s.ConnectRate
	return plan
}

// newcomersPlan returns the plan of the newcomers, which behave like Socket.IO's clients.
func (s Settings) newcomersPlan(plan load.Plan) load.Plan {
	plan.Clients, plan.Publishers, plan.Heartbeats = s.Newcomers, 0, true
	plan.Rooms, plan.RoomsPerClient, plan.ConnectRate = 1, 1, 0
	plan.Returning, plan.ConnectTimeout, plan.ConnectWithin = true, clientPatience, s.Within
	plan.InFlight = s.Newcomers
	if s.AtOnce > 0 {
		plan.InFlight = max(s.AtOnce/s.Workers, 1)
	}
	return plan
}

// storm measures how newcomers, which come as fast as the machine allows, affect connected
// clients, and how long the newcomers wait.
func (r *run) storm(ctx context.Context) error {
	if err := r.connect(ctx); err != nil {
		return err
	}
	if r.result.Connected < r.settings.Present {
		return fmt.Errorf("only %d of %d clients could connect before the storm: %s", r.result.Connected, r.settings.Present, r.result.Error)
	}
	out := &StormResult{Present: r.result.Connected}
	r.result.Storm = out
	r.doing("measuring answers at rest")
	before, err := r.workers.Ask(ctx, load.Question{Rate: probeRate, For: r.settings.Duration})
	if err != nil {
		return err
	}
	out.Before = percentiles(&before.Latency)
	if err := r.arrive(ctx, out); err != nil {
		return err
	}
	present, err := r.workers.Finish(ctx, silence)
	if err != nil {
		return err
	}
	newcomers, err := r.arriving.Finish(ctx, silence)
	if err != nil {
		return err
	}
	out.enter(&present, &newcomers)
	r.result.storm()
	return nil
}

// arrive connects the newcomers while present clients send probes, and returns when all are
// connected or the time is over.
func (r *run) arrive(ctx context.Context, out *StormResult) error {
	r.doing("the storm")
	used := r.cluster.Sample(ctx)
	if err := r.workers.Begin(ctx); err != nil {
		return err
	}
	var answers load.Answers
	asked := make(chan error, 1)
	go func() {
		var err error
		answers, err = r.workers.Ask(ctx, load.Question{Rate: probeRate, For: r.settings.Within + clientPatience})
		asked <- err
	}()
	begun := time.Now()
	tally, err := r.arriving.Connect(ctx)
	took := time.Since(begun)
	used = r.cluster.Sample(ctx).Since(used)
	err = errors.Join(err, r.workers.StopAsking(ctx), <-asked)
	if err != nil {
		return err
	}
	r.doing("waiting for pings that were due in the storm")
	if err := errors.Join(r.workers.AwaitPings(ctx), r.arriving.AwaitPings(ctx), r.workers.End(ctx)); err != nil {
		return err
	}
	r.result.Seconds = took.Seconds()
	out.NewcomersRate = float64(tally.Ready+tally.Closed) / took.Seconds()
	out.Probe, out.Unanswered = percentiles(&answers.Latency), answers.Missing
	if used.Known && tally.Ready > 0 {
		out.ServerSeconds = used.Servers.CPU.Seconds()
		out.ServerPerEntry = float64(used.Servers.CPU.Microseconds()) / float64(tally.Ready)
	}
	return nil
}

// enter sets the numbers that the clients have counted.
func (s *StormResult) enter(present, newcomers *load.Report) {
	s.Lost, s.Reasons = present.Total.Closed, present.Total.Reasons
	s.PingLate = percentiles(&present.PingLate)
	came := newcomers.Total
	s.In, s.Out, s.LostAfter, s.ReasonsAfter = came.Ready+came.Closed, came.Failed, came.Closed, came.Reasons
	s.Refused, s.TimedOut, s.Retries = came.Refused, came.Stalled, came.Retried
	if came.Retried > 0 {
		s.LastFailure = came.LastError
	}
	s.Wait = percentiles(&newcomers.Waits)
}

// storm sets the counts of errors, as other modes do.
func (r *Result) storm() {
	s := r.Storm
	r.Connected = s.Present - s.Lost + s.In - s.LostAfter
	r.Failed, r.Closed, r.Stalled, r.Retried = s.Out, s.Lost+s.LostAfter, s.TimedOut, s.Retries
	var troubles []string
	for _, t := range []struct {
		who string
		why map[string]int
	}{{"clients that were there", s.Reasons}, {"newcomers that were in", s.ReasonsAfter}} {
		for reason, n := range t.why {
			troubles = append(troubles, fmt.Sprintf("%d %s: %s", n, t.who, reason))
		}
	}
	slices.Sort(troubles)
	if s.Out > 0 {
		troubles = append(troubles, "newcomers did not get in: "+s.LastFailure)
	}
	r.Error = strings.Join(troubles, "; ")
}

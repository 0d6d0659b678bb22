package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/socketmesh/mesh/bench/cluster"
	"github.com/socketmesh/mesh/bench/worker"
	"github.com/socketmesh/mesh/internal/load"
)

const (
	// settleTime is the longest time that servers may need until all clients get messages.
	settleTime = 30 * time.Second
	// silence is how long nothing must be received before missing messages count as lost.
	silence = 3 * time.Second
	// pause is how long nothing must be received before a measurement begins.
	pause = 200 * time.Millisecond
)

// ErrNotSettled says that some clients received no messages.
var ErrNotSettled = errors.New("some clients do not get what is published: do the servers know each other?")

// run is one measurement of one cluster.
type run struct {
	settings Settings
	setup    *Setup
	cluster  *cluster.Cluster
	workers  *worker.Workers
	arriving *worker.Workers // storm: the workers of the newcomers
	result   Result
}

// Run starts a cluster of a kind, or uses the one at setup.URLs, measures once, and stops
// what it has started.
func Run(ctx context.Context, kind string, s Settings, setup *Setup) (Result, error) {
	if s.Mode == Links {
		return runLink(ctx, kind, s, setup)
	}
	r := &run{settings: s, setup: setup, result: Result{Config: kind}}
	if err := r.start(ctx, kind); err != nil {
		return r.result, err
	}
	defer r.cluster.Stop()
	defer r.workers.Close()
	if r.arriving != nil {
		defer r.arriving.Close()
	}
	err := r.measure(ctx)
	if err != nil {
		// If a server has ended, that is the better explanation.
		err = errors.Join(r.cluster.Err(), fmt.Errorf("%s: %w", kind, err))
	}
	return r.result, err
}

// start starts the servers and the clients' processes.
func (r *run) start(ctx context.Context, kind string) error {
	r.doing("starting servers")
	if len(r.setup.URLs) > 0 {
		r.cluster = cluster.At(r.setup.URLs)
	} else {
		preset, err := cluster.FindPreset(kind)
		if err != nil {
			return err
		}
		if r.cluster, err = cluster.Start(ctx, preset, r.settings.Nodes, r.setup.Cluster); err != nil {
			return err
		}
	}
	r.result.Nodes = len(r.cluster.URLs)
	if err := r.fits(); err != nil {
		r.cluster.Stop()
		return err
	}
	r.settings = r.settings.withDefaults(r.setup, r.result.Nodes)
	r.result.Settings = r.settings
	if err := r.startClients(ctx); err != nil {
		r.cluster.Stop()
		return err
	}
	return nil
}

// startClients starts the processes of the clients.
func (r *run) startClients(ctx context.Context) error {
	s := r.settings
	plan := s.plan(r.cluster.URLs)
	if s.Mode != Storm {
		var err error
		r.workers, err = r.startWorkers(ctx, s.Workers, plan)
		return err
	}
	var err error
	if r.workers, err = r.startWorkers(ctx, s.presentWorkers(r.setup), s.presentPlan(plan)); err != nil {
		return err
	}
	if r.arriving, err = r.startWorkers(ctx, s.Workers, s.newcomersPlan(plan)); err != nil {
		r.workers.Close()
	}
	return err
}

func (r *run) startWorkers(ctx context.Context, n int, plan load.Plan) (*worker.Workers, error) {
	if r.setup.Worker == nil {
		return worker.Local(ctx, n, plan)
	}
	return worker.Start(ctx, n, plan, r.setup.Worker)
}

// ErrTooMany says that the servers may not have as many connections.
var ErrTooMany = errors.New("too many clients for the servers")

// fits checks that the servers on this machine can hold the clients.
func (r *run) fits() error {
	most := r.result.Nodes * (r.setup.Descriptors - reserved)
	if len(r.setup.URLs) > 0 || r.settings.total() <= most {
		return nil
	}
	return fmt.Errorf("%s: %w: with %d files per process, %d hold %d of %d", r.result.Config, ErrTooMany, r.setup.Descriptors, r.result.Nodes, most, r.settings.total())
}

func (r *run) measure(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	watched := r.workers
	if r.arriving != nil {
		watched = r.arriving
	}
	defer r.setup.Progress.watch(watching, watched)()
	defer stop()
	switch r.settings.Mode {
	case Idle:
		return r.idle(ctx)
	case Requests:
		return r.requests(ctx)
	case Storm:
		return r.storm(ctx)
	case Latency:
		return r.traffic(ctx, load.Pace{Rate: r.settings.Rate / float64(r.settings.Publishers)})
	default:
		return r.traffic(ctx, load.Pace{Window: r.settings.Window})
	}
}

func (r *run) doing(what string) {
	r.setup.Progress.set(fmt.Sprintf("%s: %s", r.result.Config, what))
}

// connect connects the clients. Some may fail: the result says how many.
func (r *run) connect(ctx context.Context) error {
	r.doing("connecting")
	tally, err := r.workers.Connect(ctx)
	if err != nil {
		return err
	}
	r.result.troubles(tally, 0)
	if tally.Ready == 0 {
		return fmt.Errorf("no client could connect: %s", tally.LastError)
	}
	return nil
}

// settle publishes until every client has heard every publisher.
func (r *run) settle(ctx context.Context) error {
	r.doing("waiting until all servers know each other")
	if err := r.workers.Publish(ctx, load.Pace{Rate: r.settings.settleRate()}); err != nil {
		return err
	}
	settled, err := r.workers.Settled(ctx, settleTime)
	if err != nil {
		return err
	}
	if _, err := r.workers.Finish(ctx, pause); err != nil {
		return err
	}
	if !settled {
		return ErrNotSettled
	}
	return nil
}

// settleRate is how many messages per second each publisher sends in settle: few enough for
// slow servers to deliver.
func (s Settings) settleRate() float64 {
	const deliveries, bytes = 20_000, 4e6 // per second
	members := float64(s.Clients*s.RoomsPerClient) / float64(s.Rooms) * float64(s.Publishers)
	rate := min(deliveries, bytes/float64(s.Size)) / members
	return max(min(rate, float64(max(20, 2*s.Rooms))), 0.5)
}

// traffic measures messages, at a fixed rate or with a window.
func (r *run) traffic(ctx context.Context, pace load.Pace) error {
	if err := r.connect(ctx); err != nil {
		return err
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	r.doing("warming up")
	if err := r.workers.Publish(ctx, pace); err != nil {
		return err
	}
	if err := sleep(ctx, r.settings.Warmup); err != nil {
		return err
	}
	r.doing("measuring")
	before := r.cluster.Sample(ctx)
	if err := r.workers.Begin(ctx); err != nil {
		return err
	}
	if err := sleep(ctx, r.settings.Duration); err != nil {
		return err
	}
	if err := r.workers.End(ctx); err != nil {
		return err
	}
	used := r.cluster.Sample(ctx).Since(before)
	r.doing("waiting for the last messages")
	report, err := r.workers.Finish(ctx, silence)
	if err != nil {
		return err
	}
	r.result.traffic(&report, used)
	r.result.troubles(report.Total, report.Lost)
	return nil
}

// sleep waits, unless ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

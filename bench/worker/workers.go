package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os/exec"
	"sync"
	"time"

	"github.com/socketmesh/mesh/internal/load"
)

// Workers are the workers of one run. A method calls all of them at once, and fails if one
// fails or ctx ends; after that, only Close may be called.
type Workers struct {
	all []*remote
}

// remote is one worker.
type remote struct {
	client *rpc.Client
	wait   func() error
}

// Start starts n workers, each with its share of the plan's clients. command returns the
// command of a process that runs [Serve] on its standard input and output.
func Start(ctx context.Context, n int, plan load.Plan, command func() *exec.Cmd) (*Workers, error) {
	ws := &Workers{}
	for range n {
		w, err := start(command())
		if err != nil {
			ws.Close()
			return nil, fmt.Errorf("worker: %w", err)
		}
		ws.all = append(ws.all, w)
	}
	return ws, ws.plan(ctx, plan)
}

// Local starts n workers in this process.
func Local(ctx context.Context, n int, plan load.Plan) (*Workers, error) {
	ws := &Workers{}
	for range n {
		ws.all = append(ws.all, local())
	}
	return ws, ws.plan(ctx, plan)
}

// plan gives each worker its share of the clients, and closes all on failure.
func (ws *Workers) plan(ctx context.Context, plan load.Plan) error {
	_, err := each[nothing](ctx, ws, "Plan", func(i int) any {
		mine := plan
		mine.First = i * plan.Clients / len(ws.all)
		mine.Count = (i+1)*plan.Clients/len(ws.all) - mine.First
		return mine
	})
	if err != nil {
		ws.Close()
	}
	return err
}

func start(cmd *exec.Cmd) (*remote, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &remote{client: rpc.NewClient(duplex{out, in}), wait: cmd.Wait}, nil
}

// local starts a worker behind pipes, like a process.
func local() *remote {
	toWorker, fromUs := io.Pipe()
	toUs, fromWorker := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Serve(duplex{toWorker, fromWorker}) }()
	return &remote{client: rpc.NewClient(duplex{toUs, fromUs}), wait: func() error { return <-done }}
}

// duplex makes one connection of two pipes.
type duplex struct {
	io.ReadCloser
	out io.WriteCloser
}

func (d duplex) Write(p []byte) (int, error) { return d.out.Write(p) }

// Close closes both pipes.
func (d duplex) Close() error { return errors.Join(d.out.Close(), d.ReadCloser.Close()) }

// Close closes the workers and their connections.
func (ws *Workers) Close() error {
	var errs []error
	for _, w := range ws.all {
		w.client.Close()
	}
	for _, w := range ws.all {
		errs = append(errs, w.wait())
	}
	ws.all = nil
	return errors.Join(errs...)
}

// each calls a method of all workers at once.
func each[T any](ctx context.Context, ws *Workers, method string, argument func(i int) any) ([]T, error) {
	replies := make([]T, len(ws.all))
	errs := make([]error, len(ws.all))
	var calls sync.WaitGroup
	for i, w := range ws.all {
		calls.Go(func() {
			call := w.client.Go(serviceName+"."+method, argument(i), &replies[i], make(chan *rpc.Call, 1))
			select {
			case <-call.Done:
				errs[i] = call.Error
			case <-ctx.Done():
				errs[i] = ctx.Err()
			}
		})
	}
	calls.Wait()
	if err := errors.Join(errs...); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("worker: %s: %w", method, err)
	}
	return replies, nil
}

// same returns the same argument for all workers.
func same(argument any) func(int) any { return func(int) any { return argument } }

// Connect connects all clients.
func (ws *Workers) Connect(ctx context.Context) (load.Tally, error) {
	tallies, err := each[load.Tally](ctx, ws, "Connect", same(none))
	return sum(tallies), err
}

// Settled reports whether all clients have heard all publishers in time.
func (ws *Workers) Settled(ctx context.Context, timeout time.Duration) (bool, error) {
	settled, err := each[bool](ctx, ws, "Settled", same(timeout))
	for _, ok := range settled {
		if !ok {
			return false, err
		}
	}
	return err == nil, err
}

// Publish starts all publishers.
func (ws *Workers) Publish(ctx context.Context, pace load.Pace) error {
	_, err := each[nothing](ctx, ws, "Publish", same(pace))
	return err
}

// Begin begins the measurement.
func (ws *Workers) Begin(ctx context.Context) error {
	_, err := each[load.Tally](ctx, ws, "Begin", same(none))
	return err
}

// End ends the measurement.
func (ws *Workers) End(ctx context.Context) error {
	_, err := each[load.Tally](ctx, ws, "End", same(none))
	return err
}

// Tally returns the sum of what all workers have counted.
func (ws *Workers) Tally(ctx context.Context) (load.Tally, error) {
	tallies, err := each[load.Tally](ctx, ws, "Tally", same(none))
	return sum(tallies), err
}

// Finish stops publishing, waits until everything is received, or nothing was for the time
// of silence, and adds up the reports.
func (ws *Workers) Finish(ctx context.Context, silence time.Duration) (load.Report, error) {
	sent := map[uint32]uint32{}
	shares, err := each[map[uint32]uint32](ctx, ws, "Stop", same(none))
	if err != nil {
		return load.Report{}, err
	}
	for _, share := range shares {
		for stream, n := range share {
			sent[stream] = n
		}
	}
	reports, err := each[load.Report](ctx, ws, "Drain", same(Drain{sent, silence}))
	if err != nil {
		return load.Report{}, err
	}
	var all load.Report
	var begins, ends, totals []load.Tally
	for i := range reports {
		r := &reports[i]
		begins, ends, totals = append(begins, r.Begin), append(ends, r.End), append(totals, r.Total)
		all.Latency.Add(&r.Latency)
		all.PingLate.Add(&r.PingLate)
		all.Waits.Add(&r.Waits)
		all.Lost += r.Lost
		all.Last = max(all.Last, r.Last)
	}
	all.Begin, all.End, all.Total = sum(begins), sum(ends), sum(totals)
	return all, nil
}

// Ask makes the clients of the first worker ask.
func (ws *Workers) Ask(ctx context.Context, q load.Question) (load.Answers, error) {
	first := &Workers{all: ws.all[:1]}
	answers, err := each[load.Answers](ctx, first, "Ask", same(q))
	if err != nil {
		return load.Answers{}, err
	}
	return answers[0], nil
}

// StopAsking makes Ask return early.
func (ws *Workers) StopAsking(ctx context.Context) error {
	first := &Workers{all: ws.all[:1]}
	_, err := each[nothing](ctx, first, "StopAsking", same(none))
	return err
}

// AwaitPings returns when all clients have received the pings that are due, or have given
// their servers up.
func (ws *Workers) AwaitPings(ctx context.Context) error {
	_, err := each[nothing](ctx, ws, "AwaitPings", same(none))
	return err
}

// sum adds up tallies; its time is their mean.
func sum(tallies []load.Tally) load.Tally {
	var all load.Tally
	for _, t := range tallies {
		all.Ready += t.Ready
		all.Failed += t.Failed
		all.Retried += t.Retried
		all.Refused += t.Refused
		all.Stalled += t.Stalled
		all.Closed += t.Closed
		all.Sent += t.Sent
		all.Deliveries += t.Deliveries
		all.Late += t.Late
		all.Duplicates += t.Duplicates
		all.Strange += t.Strange
		all.Pings += t.Pings
		all.CPU += t.CPU
		all.At += t.At / int64(len(tallies))
		for reason, n := range t.Reasons {
			if all.Reasons == nil {
				all.Reasons = map[string]int{}
			}
			all.Reasons[reason] += n
		}
		if t.LastError != "" {
			all.LastError = t.LastError
		}
	}
	return all
}

package bench

import (
	"context"
	"time"

	"github.com/socketmesh/mesh/internal/histogram"
	"github.com/socketmesh/mesh/internal/load"
)

// pingRate is how many clients per second send an event while all others are idle.
const pingRate = 200

// idle measures the cost of making and of holding connections. Then it measures how long
// servers take to answer with all connections open, and to send to all clients.
func (r *run) idle(ctx context.Context) error {
	empty := r.cluster.Sample(ctx)
	begun := time.Now()
	if err := r.connect(ctx); err != nil {
		return err
	}
	n := float64(r.result.Connected)
	took := time.Since(begun)
	full := r.cluster.Sample(ctx)
	tally, err := r.workers.Tally(ctx)
	if err != nil {
		return err
	}
	r.result.ConnectRate = n / took.Seconds()
	r.result.ConnectClientCPU = float64(tally.CPU.Microseconds()) / n
	if full.Known {
		r.result.ConnectServerCPU = float64(full.Since(empty).Servers.CPU.Microseconds()) / n
	}

	r.doing("resting")
	if err := sleep(ctx, r.settings.Rest); err != nil {
		return err
	}
	rested := r.cluster.Sample(ctx)
	if rested.Known {
		r.result.Memory = float64(rested.Since(empty).Servers.Resident) / n
		r.result.ServerMemory = rested.Servers.Resident
	}
	if err := r.ping(ctx); err != nil {
		return err
	}
	if r.settings.Broadcasts > 0 {
		if err := r.broadcast(ctx); err != nil {
			return err
		}
		if after := r.cluster.Sample(ctx); after.Known {
			r.result.MemoryAfter = float64(after.Since(empty).Servers.Resident) / n
		}
	}
	return r.hold(ctx)
}

// ping measures the time of an event and its answer.
func (r *run) ping(ctx context.Context) error {
	r.doing("measuring answers")
	answers, err := r.workers.Ask(ctx, load.Question{Rate: pingRate, For: r.settings.Duration})
	if err != nil {
		return err
	}
	r.result.Ping = percentiles(&answers.Latency)
	r.result.Missing = answers.Missing
	return nil
}

// broadcast sends to all clients, a few times.
func (r *run) broadcast(ctx context.Context) error {
	if err := r.settle(ctx); err != nil {
		return err
	}
	r.doing("broadcasting")
	var last histogram.Histogram
	for range r.settings.Broadcasts {
		if err := r.workers.Begin(ctx); err != nil {
			return err
		}
		if err := r.workers.Publish(ctx, load.Pace{Rate: 1000, Messages: 1}); err != nil {
			return err
		}
		if _, err := r.workers.Finish(ctx, silence); err != nil {
			return err
		}
		if err := r.workers.End(ctx); err != nil {
			return err
		}
		report, err := r.workers.Finish(ctx, silence)
		if err != nil {
			return err
		}
		last.Record(report.Latency.Max)
		r.result.Latency = percentiles(&report.Latency)
		r.result.troubles(report.Total, report.Lost)
	}
	r.result.Last = percentiles(&last)
	return nil
}

// hold keeps the connections open for a while, with the servers' pings.
func (r *run) hold(ctx context.Context) error {
	before := r.cluster.Sample(ctx)
	if r.settings.Hold > 0 {
		r.doing("holding connections")
		if err := sleep(ctx, r.settings.Hold); err != nil {
			return err
		}
		if used := r.cluster.Sample(ctx).Since(before); used.Known {
			r.result.HeartbeatCPU = used.Servers.CPU.Seconds() / r.settings.Hold.Seconds()
		}
	}
	tally, err := r.workers.Tally(ctx)
	if err != nil {
		return err
	}
	r.result.PingsAnswered = tally.Pings
	r.result.troubles(tally, r.result.Lost)
	return nil
}

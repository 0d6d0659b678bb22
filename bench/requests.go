package bench

import (
	"context"
	"time"

	"github.com/socketmesh/mesh/internal/load"
)

// requests measures fetchSockets, one after the other.
func (r *run) requests(ctx context.Context) error {
	if err := r.connect(ctx); err != nil {
		return err
	}
	r.doing("waiting until all servers know each other")
	for deadline := time.Now().Add(settleTime); ; {
		answers, err := r.workers.Ask(ctx, load.Question{Fetch: true, Clients: 1, For: max(r.settings.Warmup, pause)})
		if err != nil {
			return err
		}
		if answers.Wrong == 0 && answers.Latency.Total > 0 {
			break
		}
		if time.Now().After(deadline) {
			return ErrNotSettled
		}
	}
	r.doing("measuring")
	before := r.cluster.Sample(ctx)
	answers, err := r.workers.Ask(ctx, load.Question{Fetch: true, Clients: 1, For: r.settings.Duration})
	if err != nil {
		return err
	}
	used := r.cluster.Sample(ctx).Since(before)
	r.result.Requests = percentiles(&answers.Latency)
	r.result.Wrong, r.result.Missing = answers.Wrong, answers.Missing
	if n := float64(answers.Latency.Total); used.Known && n > 0 {
		r.result.ServerCPU = used.Servers.CPU.Seconds() / n * 1e6
		r.result.BrokerCPU = used.Broker.CPU.Seconds() / n * 1e6
	}
	tally, err := r.workers.Tally(ctx)
	if err != nil {
		return err
	}
	r.result.troubles(tally, 0)
	return nil
}

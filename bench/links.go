package bench

import (
	"context"
	"fmt"

	"github.com/socketmesh/mesh/bench/cluster"
	"github.com/socketmesh/mesh/bench/link"
)

// roundTrips is how many round trips are measured on an idle link.
const roundTrips = 5000

// runLink measures one link, from this process to another one.
func runLink(ctx context.Context, kind string, s Settings, setup *Setup) (Result, error) {
	setup.Progress.set(kind + ": measuring the link")
	result := Result{Config: kind, Nodes: 2, Settings: s}
	address := ""
	if link.Remote(kind) {
		var stop func()
		var err error
		if address, stop, err = cluster.Serve(ctx, setup.Link(kind)); err != nil {
			return result, err
		}
		defer stop()
	}
	m, err := link.Measure(ctx, kind, address, link.Task{Sizes: linkSizes, Warmup: s.Warmup, Length: s.Duration, Trips: roundTrips})
	if err != nil {
		return result, fmt.Errorf("%s: %w", kind, err)
	}
	result.Trips = percentiles(&m.Trips)
	for _, size := range linkSizes {
		result.Flows = append(result.Flows, Flow{Size: size, Messages: m.Flows[size].PerSecond()})
	}
	return result, nil
}

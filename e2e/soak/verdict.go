//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// metric is a number that must not grow.
type metric struct {
	name string
	of   func(usage) int
	unit float64
	// A growth up to allowed is noise, and so is one of up to share of the median.
	allowed float64
	// atRest is how much more there may be than before, when all clients have gone.
	atRest float64
}

// share of the median that a metric may grow by, beside what its metric allows.
const share = 0.05

var metrics = []metric{
	{"goroutines", func(u usage) int { return u.Goroutines }, 1, 10, 3},
	{"descriptors", func(u usage) int { return u.Descriptors }, 1, 10, 3},
	{"heap", func(u usage) int { return u.Heap }, 1 << 20, 1, 1},
	{"RSS", func(u usage) int { return u.RSS }, 1 << 20, 6, 6},
}

// trend is how a metric of a process went in the last two thirds of the churn.
type trend struct {
	process, metric string
	median          float64 // or what there was before
	growth          float64 // by the line through them
	allowed         float64
}

func (t trend) flat() bool { return t.growth <= t.allowed }

// trendOf draws a line through the samples of one process that no few of them can turn:
// the median of the slopes between all pairs (Theil and Sen).
func trendOf(samples []sample, process string, m metric) trend {
	var at, values []float64
	for _, s := range samples {
		if s.process == process && s.phase == churn {
			at, values = append(at, s.at.Seconds()), append(values, float64(m.of(s.usage))/m.unit)
		}
	}
	third := len(at) / 3
	at, values = at[third:], values[third:]
	t := trend{process: process, metric: m.name, median: median(values)}
	t.allowed = max(m.allowed, share*t.median)
	if len(at) > 1 {
		t.growth = slope(at, values) * (at[len(at)-1] - at[0])
	}
	return t
}

// slope is the median of the slopes between all pairs of points. x ascends.
func slope(x, y []float64) float64 {
	var all []float64
	for i := range x {
		for j := range i {
			if x[i] > x[j] {
				all = append(all, (y[i]-y[j])/(x[i]-x[j]))
			}
		}
	}
	return median(all)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[half-1] + sorted[half]) / 2
	}
	return sorted[half]
}

// report is what came of a run.
type report struct {
	options
	Took      time.Duration
	Came      [manners]int64 // clients
	Failed    int64
	Opened    int // namespaces
	Cuts      int
	Restarts  int
	Asked     int // requests, of servers that stayed
	Expired   int
	Processor time.Duration // of servers that stayed, and discovery
	Trends    []trend
	// Rest compares what there is when all clients have gone: before the churn, and after.
	Rest []trend
}

// Flat tells whether nothing grows.
func (r *report) Flat() bool {
	return !slices.ContainsFunc(slices.Concat(r.Trends, r.Rest), func(t trend) bool { return !t.flat() })
}

func (r *report) String() string {
	var b strings.Builder
	clients := int64(0)
	for _, n := range r.Came {
		clients += n
	}
	fmt.Fprintf(&b, "seed %d, %d servers over %s, %v: %d clients came and went (%d left, %d hung up, %d vanished, %d stalled, %d polled once), %d could not connect\n",
		r.Seed, r.Servers, r.Transport, r.Took.Round(time.Second), clients,
		r.Came[leaves], r.Came[hangsUp], r.Came[vanishes], r.Came[stalls], r.Came[polls], r.Failed)
	fmt.Fprintf(&b, "%d namespaces opened, %d requests of which %d expired, links cut %d times, %d restarts of the last server, %v of CPU\n",
		r.Opened, r.Asked, r.Expired, r.Cuts, r.Restarts, r.Processor.Round(100*time.Millisecond))
	table(&b, "while they come and go", "median", r.Trends)
	table(&b, "when all have gone", "before", r.Rest)
	return b.String()
}

func table(b *strings.Builder, title, first string, trends []trend) {
	fmt.Fprintf(b, "%s:\n%-12s %-12s %10s %10s %10s\n", title, "process", "", first, "growth", "allowed")
	for _, t := range trends {
		verdict := ""
		if !t.flat() {
			verdict = "  GROWS"
		}
		fmt.Fprintf(b, "%-12s %-12s %10.1f %+10.2f %10.1f%s\n", t.process, t.metric, t.median, t.growth, t.allowed, verdict)
	}
}

// judge compares the samples of those that stayed.
func (r *report) judge(samples []sample, stayed []string) {
	for _, name := range stayed {
		for _, m := range metrics {
			r.Trends = append(r.Trends, trendOf(samples, name, m))
		}
		var resting []sample
		for _, s := range samples {
			if s.process == name && s.phase == rest {
				resting = append(resting, s)
			}
		}
		before, after := resting[0].usage, resting[len(resting)-1].usage
		for _, m := range metrics {
			t := trend{process: name, metric: m.name, median: float64(m.of(before)) / m.unit, allowed: m.atRest}
			t.growth = float64(m.of(after))/m.unit - t.median
			r.Rest = append(r.Rest, t)
		}
	}
}

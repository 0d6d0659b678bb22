package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/socketmesh/mesh/internal/histogram"
)

// Flow says how much a link has carried.
type Flow struct {
	Messages uint64
	Took     time.Duration
}

// PerSecond is the rate of messages.
func (f Flow) PerSecond() float64 {
	if f.Took <= 0 {
		return 0
	}
	return float64(f.Messages) / f.Took.Seconds()
}

// Measurement has the results of one link.
type Measurement struct {
	Flows map[int]Flow        // by the size of messages, in bytes
	Trips histogram.Histogram // round trips, one message at a time
}

// Task says what to measure.
type Task struct {
	Sizes  []int
	Warmup time.Duration // of each size
	Length time.Duration // of each size
	Trips  int           // number of round trips
}

// Serve runs the receiver's process: it prints "listening ADDRESS" and answers until ctx
// ends.
func Serve(ctx context.Context, kind string, out io.Writer) error {
	end, address, err := listen(ctx, kind, new(receiver).receive)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "listening %s\n", address)
	<-ctx.Done()
	return end.Close()
}

// Measure measures a link to a receiver at an address. For mem there is no address: the
// receiver is in this process.
func Measure(ctx context.Context, kind, address string, task Task) (m Measurement, err error) {
	s := newSender()
	name, codec, err := check(kind)
	if err != nil {
		return m, err
	}
	if !Remote(name) {
		var there End
		if s.end, there, err = pair(ctx, codec, s.receive, new(receiver).receive); err != nil {
			return m, err
		}
		defer func() { err = errors.Join(err, there.Close()) }()
	} else if s.end, err = dial(ctx, kind, address, s.receive); err != nil {
		return m, err
	}
	defer s.end.Close()
	// The first trips wake up both ends.
	if _, err := s.trips(ctx, task.Trips/10+1); err != nil {
		return m, err
	}
	if m.Trips, err = s.trips(ctx, task.Trips); err != nil {
		return m, err
	}
	m.Flows = map[int]Flow{}
	for _, size := range task.Sizes {
		if m.Flows[size], err = s.flood(ctx, size, task.Warmup, task.Length); err != nil {
			return m, fmt.Errorf("%d bytes: %w", size, err)
		}
	}
	return m, nil
}

package bench

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/socketmesh/mesh/bench/worker"
)

// Progress shows what a run is doing, in one line. A nil Progress shows nothing.
type Progress struct {
	out  io.Writer
	live bool // out is a terminal: the line is overwritten

	mu    sync.Mutex
	doing string
	begun time.Time
}

// NewProgress writes to out; if live, always to the same line.
func NewProgress(out io.Writer, live bool) *Progress { return &Progress{out: out, live: live} }

// set sets what the run is doing from now on.
func (p *Progress) set(doing string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doing, p.begun = doing, time.Now()
	p.write("")
}

// Clear removes the line, so that other output can follow.
func (p *Progress) Clear() {
	if p != nil && p.live {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// write shows the line; the caller holds mu.
func (p *Progress) write(counts string) {
	line := p.doing
	if seconds := time.Since(p.begun).Seconds(); seconds >= 1 {
		line += fmt.Sprintf(", %.0f s", seconds)
	}
	line += counts
	if p.live {
		fmt.Fprintf(p.out, "\r\x1b[K%s", line)
	} else if counts == "" {
		fmt.Fprintln(p.out, line)
	}
}

// watch shows every second what the workers have counted, until ctx ends; the returned
// function waits for that.
func (p *Progress) watch(ctx context.Context, workers *worker.Workers) (wait func()) {
	if p == nil || !p.live {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var before uint64
		for tick := time.Tick(time.Second); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick:
			}
			tally, err := workers.Tally(ctx)
			if err != nil {
				return
			}
			p.mu.Lock()
			p.write(fmt.Sprintf(": %s clients, %s deliveries/s", count(float64(tally.Ready)), count(float64(tally.Deliveries-before))))
			p.mu.Unlock()
			before = tally.Deliveries
		}
	}()
	return func() { <-done }
}

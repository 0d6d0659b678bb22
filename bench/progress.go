package bench

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/socketmesh/mesh/bench/worker"
)

// Progress is a line that says what goes on. A nil Progress says nothing.
type Progress struct {
	out  io.Writer
	live bool // out is a terminal: one line is written again and again

	mu    sync.Mutex
	doing string
	begun time.Time
}

// NewProgress writes to out; to one line, if live.
func NewProgress(out io.Writer, live bool) *Progress { return &Progress{out: out, live: live} }

// set says what is done from now on.
func (p *Progress) set(doing string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doing, p.begun = doing, time.Now()
	p.write("")
}

// Clear removes the line, so that others can be written.
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

// watch shows every second what the workers has counted, until ctx ends; the
// function returned waits for that.
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

package cluster

import (
	"context"
	"sync"
)

// workers counts goroutines, so that their owner can wait until none is running.
type workers struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when n falls to 0; nil if no goroutine waits
}

// enter counts a goroutine that is about to start. It has to call exit at its end.
func (w *workers) enter() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
}

func (w *workers) exit() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n--
	if w.n == 0 && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
}

// wait returns when no goroutine is left, or with ctx's cause.
func (w *workers) wait(ctx context.Context) error {
	w.mu.Lock()
	if w.n == 0 {
		w.mu.Unlock()
		return nil
	}
	if w.idle == nil {
		w.idle = make(chan struct{})
	}
	idle := w.idle
	w.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

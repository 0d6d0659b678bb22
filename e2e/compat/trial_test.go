package compat

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// trial is one attempt at a scenario. It is used like a *testing.T, and ends
// without the test.
type trial struct {
	t *testing.T

	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	failures []string
	cleanups []func()
}

// attempts is how often a scenario is tried where things may go astray.
const attempts = 4

// try runs f, and all that it leaves to be done, and returns what went wrong.
func try(t *testing.T, f func(*trial)) []string {
	tr := &trial{t: t}
	tr.ctx, tr.cancel = context.WithCancel(t.Context())
	run := func(f func()) {
		done := make(chan struct{})
		go func() { // which Fatal ends
			defer close(done)
			f()
		}()
		<-done
	}
	run(func() { f(tr) })
	tr.cancel()
	for i := len(tr.cleanups) - 1; i >= 0; i-- {
		run(tr.cleanups[i])
	}
	return tr.failures
}

// Name is the test's.
func (tr *trial) Name() string { return tr.t.Name() }

// Helper is there for the look of it.
func (tr *trial) Helper() {}

// Context ends when the scenario is over, before the cleanups.
func (tr *trial) Context() context.Context { return tr.ctx }

// Cleanup has f called when the scenario is over, the last one first.
func (tr *trial) Cleanup(f func()) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.cleanups = append(tr.cleanups, f)
}

// Failed tells whether the attempt has failed.
func (tr *trial) Failed() bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return len(tr.failures) > 0
}

// Error fails the attempt.
func (tr *trial) Error(values ...any) { tr.fail(fmt.Sprint(values...)) }

// Errorf fails the attempt.
func (tr *trial) Errorf(format string, values ...any) { tr.fail(fmt.Sprintf(format, values...)) }

// Fatal fails the attempt and ends it.
func (tr *trial) Fatal(values ...any) {
	tr.Error(values...)
	runtime.Goexit()
}

// Fatalf fails the attempt and ends it.
func (tr *trial) Fatalf(format string, values ...any) {
	tr.Errorf(format, values...)
	runtime.Goexit()
}

func (tr *trial) fail(why string) {
	_, file, line, _ := runtime.Caller(2)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.failures = append(tr.failures, fmt.Sprintf("%s:%d: %s", file, line, why))
}

package cluster

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
)

// followed is this server's part of a request that a tracer follows from server to
// server. Methods of nil do nothing.
type followed struct {
	done func(error)
	due  atomic.Int64 // clients that have not acknowledged

	mu    sync.Mutex
	ended bool
	timer *time.Timer // ends it if listeners or clients do not answer
}

// follow begins to trace the answer to m, for timeout at most. It returns nil if no
// tracer follows the request.
func (a *adapter) follow(m *core.Message, timeout time.Duration) *followed {
	if a.tracer == nil || m.Trace == "" || m.RequestID == "" {
		return nil
	}
	done := a.tracer.TraceAnswer(m.Trace, m.From, core.RequestInfo{ID: m.RequestID, Kind: m.Kind, Namespace: a.Namespace()})
	if done == nil {
		return nil
	}
	f := &followed{done: done}
	f.mu.Lock() // the timer may fire before f.timer is set
	defer f.mu.Unlock()
	f.timer = time.AfterFunc(timeout, func() { f.end(context.DeadlineExceeded) })
	return f
}

// end is called when everything was answered, or will not be.
func (f *followed) end(err error) {
	if f == nil {
		return
	}
	f.mu.Lock()
	first := !f.ended
	f.ended = true
	f.timer.Stop()
	f.mu.Unlock()
	if first {
		f.done(err)
	}
}

// answered is called for each answer to an acknowledged broadcast: first the number of
// clients, and then the acknowledgement of each client.
func (f *followed) answered(m *core.Message) {
	if f == nil {
		return
	}
	change := int64(-1)
	if m.Kind == core.KindBroadcastClientCount {
		change = int64(m.Count)
	}
	if f.due.Add(change) == 0 {
		f.end(nil)
	}
}

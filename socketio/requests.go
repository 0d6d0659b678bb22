package socketio

import (
	"context"
	"errors"
	"fmt"

	"github.com/socketmesh/mesh/core"
)

// whenDone calls fn with the answer of a call: before it returns if the answer is there, as
// without other servers, else when it comes, at the latest when the adapter is closed. fn
// runs behind the callbacks of calls that ended earlier.
func whenDone[T any](a *adapter, call *core.Call[T], fn func(T, error)) {
	call = callOf(call)
	finish := func() { protect(a.logger, "callback", func() { fn(call.Wait()) }) }
	if isDone(call) && (a.callbacks.Idle() || a.core.ServerCount() <= 1) {
		finish()
		return
	}
	call.OnDone(func() { a.callbacks.Add(finish) })
}

func isDone[T any](call *core.Call[T]) bool {
	select {
	case <-call.Done():
		return true
	default:
		return false
	}
}

var errNoCall = errors.New("wrapper returned no call")

// callOf returns the call that the mesh has returned. If a wrapper has returned nil, it
// returns a call with an error.
func callOf[T any](call *core.Call[T]) *core.Call[T] {
	if call == nil {
		var none T
		return core.CallOf(none, errNoCall)
	}
	return call
}

// timeoutError is the error of Socket.IO's API when servers have not answered in time. Its
// text is that of Node's cluster adapter; errors.As finds the [*core.IncompleteError],
// which names the servers.
type timeoutError struct {
	missing int
	err     error
}

func (e *timeoutError) Error() string {
	return fmt.Sprintf("timeout reached: missing %d responses", e.missing)
}

func (e *timeoutError) Unwrap() error { return e.err }

// asNode gives an error of missing answers the text that it has in Node.
func asNode(err error) error {
	incomplete, ok := errors.AsType[*core.IncompleteError](err)
	if !ok || !errors.Is(incomplete.Cause, context.DeadlineExceeded) {
		return err
	}
	return &timeoutError{len(incomplete.Missing), err}
}

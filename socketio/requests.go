package socketio

import (
	"context"
	"errors"
	"fmt"

	"github.com/socketmesh/mesh/core"
)

// whenDone hands over the answer of a call: at once if it is there, as it is without
// other servers, else when it comes, at the latest when the adapter is closed. Answers
// that were there earlier are handed over first.
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

// callOf is the call that the mesh has returned. A wrapper may return none, which is an
// error.
func callOf[T any](call *core.Call[T]) *core.Call[T] {
	if call == nil {
		var none T
		return core.CallOf(none, errNoCall)
	}
	return call
}

// timeoutError is what the callers of Socket.IO's API get when servers have not
// answered in time. Its text is the one that Node's cluster adapter gives;
// errors.As finds the [*core.IncompleteError], which names them.
type timeoutError struct {
	missing int
	err     error
}

func (e *timeoutError) Error() string {
	return fmt.Sprintf("timeout reached: missing %d responses", e.missing)
}

func (e *timeoutError) Unwrap() error { return e.err }

// asNode gives the error of a request that has timed out Node's text.
func asNode(err error) error {
	incomplete, ok := errors.AsType[*core.IncompleteError](err)
	if !ok || !errors.Is(incomplete.Cause, context.DeadlineExceeded) {
		return err
	}
	return &timeoutError{len(incomplete.Missing), err}
}

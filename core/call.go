package core

import (
	"errors"
	"slices"
	"sync"
)

// Call is a request in progress. The method that returns a Call has sent the request
// already; Wait only waits for the answers.
type Call[T any] struct {
	done  chan struct{}
	value T
	left  []string
	err   error

	mu    sync.Mutex
	ended bool
	next  []func() // called when it ends
}

// end ends the call. It is called once.
func (c *Call[T]) end(value T, left []string, err error) {
	c.value, c.left, c.err = value, left, err
	close(c.done)
	c.mu.Lock()
	next := c.next
	c.ended, c.next = true, nil
	c.mu.Unlock()
	for _, fn := range next {
		fn()
	}
}

// NewCall returns a Call and the function that ends it, which is to be called once. It is
// for overrides that have to wait for something themselves. If the call ends with an
// [*IncompleteError], Left returns the error's Left.
func NewCall[T any]() (*Call[T], func(T, error)) {
	c, end := NewCallWithLeft[T]()
	return c, func(value T, err error) {
		var left []string
		if incomplete, ok := errors.AsType[*IncompleteError](err); ok {
			left = incomplete.Left
		}
		end(value, left, err)
	}
}

// NewCallWithLeft is NewCall for callers that know which servers have left, which is no
// error. The Call keeps the slice.
func NewCallWithLeft[T any]() (c *Call[T], end func(value T, left []string, err error)) {
	c = &Call[T]{done: make(chan struct{})}
	return c, c.end
}

// CallOf returns a Call that has ended: for overrides that know the answer already.
func CallOf[T any](value T, err error) *Call[T] {
	c, end := NewCall[T]()
	end(value, err)
	return c
}

// Done returns a channel that is closed when the call has ended.
func (c *Call[T]) Done() <-chan struct{} { return c.done }

// OnDone calls fn when the call has ended: at once if it has, otherwise on the goroutine
// that ends it, in the order in which calls end. fn must not block.
func (c *Call[T]) OnDone(fn func()) {
	c.mu.Lock()
	if !c.ended {
		c.next = append(c.next, fn)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	fn()
}

// Wait blocks until the call has ended. An error that wraps [ErrIncomplete] names servers
// that are in the mesh and have not answered; the value beside it is made of the other
// servers' answers. A server that left or died meanwhile is no error: see Left.
func (c *Call[T]) Wait() (T, error) {
	<-c.done
	return c.value, c.err
}

// Left blocks as Wait does, and returns the ids of the servers that left or died before
// they had answered everything, sorted. Their answers, and their clients, are missing
// from the value.
func (c *Call[T]) Left() []string {
	<-c.done
	return slices.Clone(c.left)
}

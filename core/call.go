package core

import (
	"errors"
	"slices"
	"sync"
)

// Call is a request under way. The request has been sent when the method that
// returns the Call returns; what is left is waiting.
type Call[T any] struct {
	done  chan struct{}
	value T
	left  []string
	err   error

	mu    sync.Mutex
	ended bool
	next  []func() // called when it ends
}

// end ends the call; once.
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

// NewCall returns a Call and the function that ends it, to be called once: for
// overrides that have to wait for something of their own. Its Left are those of
// the [*IncompleteError] that it ends with, if it does.
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

// NewCallWithLeft is NewCall for those who know which servers left, which is no
// error. The slice is the callee's.
func NewCallWithLeft[T any]() (c *Call[T], end func(value T, left []string, err error)) {
	c = &Call[T]{done: make(chan struct{})}
	return c, c.end
}

// CallOf returns a Call that has ended: for overrides that know the answer.
func CallOf[T any](value T, err error) *Call[T] {
	c, end := NewCall[T]()
	end(value, err)
	return c
}

// Done is closed when the answer is there.
func (c *Call[T]) Done() <-chan struct{} { return c.done }

// OnDone has fn called when the answer is there: now if it is, else by the goroutine
// that ends the call, in the order in which calls end. fn must not block.
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

// Wait blocks for the answer. An error that wraps [ErrIncomplete] names servers
// that are there and have not answered; it comes beside what the others have
// answered. A server that left or died meanwhile is no error: see Left.
func (c *Call[T]) Wait() (T, error) {
	<-c.done
	return c.value, c.err
}

// Left blocks as Wait does, and returns the ids of the servers that left or died
// before they had answered everything, sorted. The answer is without them, and
// without their clients.
func (c *Call[T]) Left() []string {
	<-c.done
	return slices.Clone(c.left)
}

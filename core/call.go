package core

// Call is a request under way. The request has been sent when the method that
// returns the Call returns; what is left is waiting.
type Call[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// NewCall returns a Call and the function that ends it, to be called once: for
// overrides that have to wait for something of their own.
func NewCall[T any]() (*Call[T], func(T, error)) {
	c := &Call[T]{done: make(chan struct{})}
	return c, func(value T, err error) {
		c.value, c.err = value, err
		close(c.done)
	}
}

// CallOf returns a Call that has ended: for overrides that know the answer.
func CallOf[T any](value T, err error) *Call[T] {
	c, end := NewCall[T]()
	end(value, err)
	return c
}

// Done is closed when the answer is there.
func (c *Call[T]) Done() <-chan struct{} { return c.done }

// Wait blocks for the answer. An error that wraps [ErrIncomplete] comes beside
// what the others have answered.
func (c *Call[T]) Wait() (T, error) {
	<-c.done
	return c.value, c.err
}

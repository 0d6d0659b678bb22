package node

// deferred are calls of observers and log handlers that come up while a lock is
// held. Whoever holds it runs them when it has let go, so that such code may do
// anything, and take its time. The zero deferred is ready; it is one goroutine's.
type deferred struct{ calls []func() }

func (d *deferred) add(call func()) { d.calls = append(d.calls, call) }

func (d *deferred) run() {
	for _, call := range d.calls {
		call()
	}
	d.calls = nil
}

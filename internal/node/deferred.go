package node

// deferred collects calls of observers and log handlers that come up while a lock is
// held. The holder runs them after it has released the lock, so that such code may call
// the node, and may be slow. The zero value is ready; it belongs to one goroutine.
type deferred struct{ calls []func() }

func (d *deferred) add(call func()) { d.calls = append(d.calls, call) }

func (d *deferred) run() {
	for _, call := range d.calls {
		call()
	}
	d.calls = nil
}

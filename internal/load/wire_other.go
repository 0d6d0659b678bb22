//go:build !linux

package load

// newWire returns the only wire of this system.
func newWire(e events, _ bool) (wire, error) { return newGoroutines(e), nil }

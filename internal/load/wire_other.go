//go:build !linux

package load

// newWire is the best wire of this system.
func newWire(e events, _ bool) (wire, error) { return newGoroutines(e), nil }

package load

// newWire is the best wire of this system.
func newWire(e events, portable bool) (wire, error) {
	if portable {
		return newGoroutines(e), nil
	}
	return newEpoll(e)
}

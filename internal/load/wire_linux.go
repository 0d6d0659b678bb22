package load

// newWire returns epoll, or goroutines if portable is set.
func newWire(e events, portable bool) (wire, error) {
	if portable {
		return newGoroutines(e), nil
	}
	return newEpoll(e)
}

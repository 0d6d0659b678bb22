package node

import "sync"

// handshakes are the links whose handshake is under way, by the dialler's name.
// One end may already send on such a link, and go over to another, before the
// other end has it among the peer's links.
type handshakes struct {
	mu     sync.Mutex
	byName map[string]chan struct{} // closed at the end
}

// begin adds a link until end is called: when it is among the peer's links, or never
// will be.
func (h *handshakes) begin(name string) (end func()) {
	done := make(chan struct{})
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byName == nil {
		h.byName = map[string]chan struct{}{}
	}
	h.byName[name] = done
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.byName[name] == done {
			delete(h.byName, name)
		}
		close(done)
	}
}

// of returns what is closed at the end; nil if no such handshake is under way.
func (h *handshakes) of(name string) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byName[name]
}

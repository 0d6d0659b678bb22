package node

import "sync"

// handshakes are the links whose handshake is under way, by the dialler's name.
// One end may already send on such a link, and go over to another, before the
// other end has it among the peer's links.
type handshakes struct {
	mu     sync.Mutex
	byName map[string]chan struct{} // closed at the end
}

// begin enters a link, until end is called: when it is among the peer's links, or
// never will be.
func (in *handshakes) begin(name string) (end func()) {
	done := make(chan struct{})
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.byName == nil {
		in.byName = map[string]chan struct{}{}
	}
	in.byName[name] = done
	return func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.byName[name] == done {
			delete(in.byName, name)
		}
		close(done)
	}
}

// of returns what is closed at the end; nil if no such handshake is under way.
func (in *handshakes) of(name string) <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.byName[name]
}

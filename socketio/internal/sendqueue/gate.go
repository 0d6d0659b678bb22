package sendqueue

// gate holds back the frames from some place in the queue on.
type gate struct {
	name string
	at   uint64 // how many frames were put before it
	open bool
}

// PutBehind adds a frame behind a gate: neither it nor what is put later is sent
// until [Queue.Open] is called with the gate's name.
func (b *Queue) PutBehind(name string, f *Frame) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gates = append(b.gates, gate{name: name, at: b.put})
	return b.add(f)
}

// Open opens the first gate of this name that is not open.
func (b *Queue) Open(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.gates {
		if g := &b.gates[i]; g.name == name && !g.open {
			g.open = true
			break
		}
	}
	b.passGates()
	b.kick()
}

// passGates forgets the open gates that nothing closed is in front of.
func (b *Queue) passGates() {
	for len(b.gates) > 0 && b.gates[0].open {
		b.gates = b.gates[1:]
	}
	if len(b.gates) == 0 {
		b.gates = nil
	}
}

// sendable is how many frames no gate holds back.
func (b *Queue) sendable() int {
	if len(b.gates) == 0 {
		return b.queue.len()
	}
	return int(b.gates[0].at - b.sent)
}

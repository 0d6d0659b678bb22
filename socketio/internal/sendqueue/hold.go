package sendqueue

// hold stops the frames behind it in the queue from being sent.
type hold struct {
	name     string
	at       uint64 // number of frames that were put before it
	released bool
}

// PutHeld adds a frame behind a new hold: neither this frame nor later ones are sent until
// [Queue.Release] is called with the hold's name.
func (q *Queue) PutHeld(name string, f *Frame) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.holds = append(q.holds, hold{name: name, at: q.put})
	return q.add(f)
}

// Release releases the first hold of this name that is not released yet.
func (q *Queue) Release(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.holds {
		if h := &q.holds[i]; h.name == name && !h.released {
			h.released = true
			break
		}
	}
	q.dropReleased()
	q.schedule()
}

// dropReleased removes the released holds at the front of the queue.
func (q *Queue) dropReleased() {
	for len(q.holds) > 0 && q.holds[0].released {
		q.holds = q.holds[1:]
	}
	if len(q.holds) == 0 {
		q.holds = nil
	}
}

// sendable returns the number of frames in front of the first hold.
func (q *Queue) sendable() int {
	if len(q.holds) == 0 {
		return q.frames.len()
	}
	return int(q.holds[0].at - q.sent)
}

package core

// queue is what waits for one peer: bounded in messages and bytes, those being
// written included. It is guarded by its peer's lock.
type queue struct {
	maxBytes    int
	maxMessages int

	frames  []*frame // waiting; frames[:head] are taken
	head    int
	bytes   int // waiting and being written
	writing int // messages being written
}

func (q *queue) len() int { return len(q.frames) - q.head }

// fits tells whether f may be added. A frame above the bound alone is let in
// where nothing waits, or it could never be sent.
func (q *queue) fits(f *frame) bool {
	waiting := q.len() + q.writing
	return waiting == 0 || q.bytes+len(f.bytes) <= q.maxBytes && waiting < q.maxMessages
}

// push adds f and holds it. It makes room by dropping volatile frames, f before
// others, and hands those to drop. It reports false if there is no room still.
func (q *queue) push(f *frame, drop func(*frame)) bool {
	if !q.fits(f) {
		if f.volatile {
			drop(f)
			return true
		}
		q.dropVolatile(drop)
		if !q.fits(f) {
			return false
		}
	}
	f.hold()
	q.frames = append(q.frames, f)
	q.bytes += len(f.bytes)
	return true
}

func (q *queue) dropVolatile(drop func(*frame)) {
	kept := q.frames[:0]
	for _, f := range q.frames[q.head:] {
		if !f.volatile {
			kept = append(kept, f)
			continue
		}
		q.bytes -= len(f.bytes)
		drop(f)
		f.release()
	}
	clear(q.frames[len(kept):])
	q.frames, q.head = kept, 0
}

// The most that one Send gets, so that pings do not wait long behind a batch.
const (
	batchBytes    = 1 << 20
	batchMessages = 1024
)

// take moves the next frames to batch, for a writer that calls sent when it is
// through with them.
func (q *queue) take(batch []*frame) []*frame {
	size := 0
	for q.head < len(q.frames) && len(batch) < batchMessages {
		f := q.frames[q.head]
		if size += len(f.bytes); size > batchBytes && len(batch) > 0 {
			break
		}
		q.frames[q.head] = nil
		q.head++
		q.writing++
		batch = append(batch, f)
	}
	if q.head == len(q.frames) {
		q.frames, q.head = q.frames[:0], 0
	} else if q.head > 1024 && q.head > len(q.frames)/2 {
		n := copy(q.frames, q.frames[q.head:])
		clear(q.frames[n:])
		q.frames, q.head = q.frames[:n], 0
	}
	return batch
}

// sent gives back the room of a batch.
func (q *queue) sent(batch []*frame) {
	for _, f := range batch {
		q.bytes -= len(f.bytes)
	}
	q.writing -= len(batch)
}

// discard drops all that waits.
func (q *queue) discard(drop func(*frame)) {
	for _, f := range q.frames[q.head:] {
		q.bytes -= len(f.bytes)
		drop(f)
		f.release()
	}
	q.frames, q.head = nil, 0
}

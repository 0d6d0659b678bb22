package core

// queue is what waits for one peer: bounded in messages and bytes, those being
// written included. It has a line for each lane of the link in use; the messages
// of a namespace are all in one of them. It is guarded by its peer's lock.
type queue struct {
	maxBytes    int
	maxMessages int

	lines   []line // at least one
	waiting int    // messages in all lines
	writing int    // messages being written
	bytes   int    // of both
}

func newQueue(maxBytes, maxMessages int) queue {
	return queue{maxBytes: maxBytes, maxMessages: maxMessages, lines: make([]line, 1)}
}

// line is the number of the line that f is in, or would be.
func (q *queue) line(f *frame) int { return int(f.lane % uint32(len(q.lines))) }

// fits tells whether f may be added. A frame above the bound alone is let in
// where nothing waits, or it could never be sent.
func (q *queue) fits(f *frame) bool {
	held := q.waiting + q.writing
	return held == 0 || q.bytes+len(f.bytes) <= q.maxBytes && held < q.maxMessages
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
	q.lines[q.line(f)].push(f)
	q.waiting++
	q.bytes += len(f.bytes)
	return true
}

func (q *queue) dropVolatile(drop func(*frame)) {
	for i := range q.lines {
		q.lines[i].filter(func(f *frame) bool {
			if f.volatile {
				q.lose(f, drop)
			}
			return !f.volatile
		})
	}
}

// lose gives up a frame that was waiting.
func (q *queue) lose(f *frame, drop func(*frame)) {
	q.waiting--
	q.bytes -= len(f.bytes)
	drop(f)
	f.release()
}

// The most that one Send gets, so that pings do not wait long behind a batch.
const (
	batchBytes    = 1 << 20
	batchMessages = 1024
)

// take moves the next frames of a line to batch, for a writer that calls sent
// when it is through with them.
func (q *queue) take(line int, batch []*frame) []*frame {
	before := len(batch)
	batch = q.lines[line].take(batch)
	q.waiting -= len(batch) - before
	q.writing += len(batch) - before
	return batch
}

// sent gives back the room of a batch.
func (q *queue) sent(batch []*frame) {
	for _, f := range batch {
		q.bytes -= len(f.bytes)
	}
	q.writing -= len(batch)
}

// arrange makes it so many lines. The order within a namespace stays.
func (q *queue) arrange(lines int) {
	if lines == len(q.lines) {
		return
	}
	old := q.lines
	q.lines = make([]line, lines)
	for i := range old {
		old[i].filter(func(f *frame) bool {
			q.lines[q.line(f)].push(f)
			return false
		})
	}
}

// discard drops all that waits.
func (q *queue) discard(drop func(*frame)) {
	for i := range q.lines {
		q.lines[i].filter(func(f *frame) bool {
			q.lose(f, drop)
			return false
		})
	}
}

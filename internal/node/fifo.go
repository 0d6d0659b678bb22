package node

// fifo is a queue of frames, first in, first out.
type fifo struct {
	frames []*frame // frames[:head] are taken
	head   int
}

func (q *fifo) push(f *frame) { q.frames = append(q.frames, f) }

// take moves the first frames to batch, as many as one Send may get.
func (q *fifo) take(batch []*frame) []*frame {
	size := 0
	for q.head < len(q.frames) && len(batch) < batchMessages {
		f := q.frames[q.head]
		if size += len(f.bytes); size > batchBytes && len(batch) > 0 {
			break
		}
		q.frames[q.head] = nil
		q.head++
		batch = append(batch, f)
	}
	q.compact()
	return batch
}

// compact gives back the space of what was taken, now and then.
func (q *fifo) compact() {
	if q.head == len(q.frames) {
		q.frames, q.head = q.frames[:0], 0
	} else if q.head > 1024 && q.head > len(q.frames)/2 {
		n := copy(q.frames, q.frames[q.head:])
		clear(q.frames[n:])
		q.frames, q.head = q.frames[:n], 0
	}
}

// filter keeps the frames for which keep says so.
func (q *fifo) filter(keep func(*frame) bool) {
	kept := q.frames[:0]
	for _, f := range q.frames[q.head:] {
		if keep(f) {
			kept = append(kept, f)
		}
	}
	clear(q.frames[len(kept):])
	q.frames, q.head = kept, 0
}

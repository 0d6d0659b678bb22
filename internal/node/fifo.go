package node

import "slices"

// fifo is a queue of frames, first in, first out.
type fifo struct {
	frames []*frame // frames[:head] were taken
	head   int
}

func (q *fifo) push(frames ...*frame) { q.frames = append(q.frames, frames...) }

func (q *fifo) len() int { return len(q.frames) - q.head }

// take moves the first frames to batch, as many as one Send takes.
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

// pushFront puts frames before all others.
func (q *fifo) pushFront(frames []*frame) {
	if len(frames) == 0 {
		return
	}
	q.frames, q.head = append(slices.Clone(frames), q.frames[q.head:]...), 0
}

// pop removes the first frame and returns it; nil if there is none.
func (q *fifo) pop() *frame {
	if q.head == len(q.frames) {
		return nil
	}
	f := q.frames[q.head]
	q.frames[q.head] = nil
	q.head++
	q.compact()
	return f
}

// popMany removes the first n frames, and appends them to popped.
func (q *fifo) popMany(n int, popped []*frame) []*frame {
	first := q.frames[q.head:][:n]
	popped = append(popped, first...)
	clear(first)
	q.head += n
	q.compact()
	return popped
}

func (q *fifo) compact() { q.frames, q.head = compact(q.frames, q.head) }

// compact moves the elements from head on to the beginning of s, if that is worth it.
func compact[T any](s []T, head int) ([]T, int) {
	switch {
	case head == len(s):
		return s[:0], 0
	case head <= 256 || head <= len(s)/2:
		return s, head
	}
	n := copy(s, s[head:])
	clear(s[n:])
	return s[:n], 0
}

// filter removes the frames for which keep returns false.
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

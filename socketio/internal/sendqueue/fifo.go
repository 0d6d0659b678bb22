package sendqueue

// fifo is a queue of frames, first in first out. While it is empty, it keeps memory for a
// few frames at most.
type fifo struct {
	frames []*Frame
	head   int // index of the first frame that is still queued
}

// places is the capacity that an empty queue keeps.
const places = 16

func (q *fifo) len() int { return len(q.frames) - q.head }

func (q *fifo) push(f *Frame) {
	if len(q.frames) == cap(q.frames) && q.head > len(q.frames)/2 {
		n := copy(q.frames, q.frames[q.head:])
		clear(q.frames[n:])
		q.frames, q.head = q.frames[:n], 0
	}
	q.frames = append(q.frames, f)
}

func (q *fifo) at(i int) *Frame { return q.frames[q.head+i] }

func (q *fifo) pop() {
	q.frames[q.head] = nil
	q.head++
	if q.head < len(q.frames) {
		return
	}
	q.head = 0
	if q.frames = q.frames[:0]; cap(q.frames) > places {
		q.frames = nil
	}
}

package node

// line is a queue of frames, first in, first out.
type line struct {
	frames []*frame // frames[:head] are taken
	head   int
}

func (l *line) push(f *frame) { l.frames = append(l.frames, f) }

// take moves the first frames to batch, as many as one Send may get.
func (l *line) take(batch []*frame) []*frame {
	size := 0
	for l.head < len(l.frames) && len(batch) < batchMessages {
		f := l.frames[l.head]
		if size += len(f.bytes); size > batchBytes && len(batch) > 0 {
			break
		}
		l.frames[l.head] = nil
		l.head++
		batch = append(batch, f)
	}
	l.compact()
	return batch
}

// compact gives back the room of what was taken, now and then.
func (l *line) compact() {
	if l.head == len(l.frames) {
		l.frames, l.head = l.frames[:0], 0
	} else if l.head > 1024 && l.head > len(l.frames)/2 {
		n := copy(l.frames, l.frames[l.head:])
		clear(l.frames[n:])
		l.frames, l.head = l.frames[:n], 0
	}
}

// filter keeps the frames for which keep says so.
func (l *line) filter(keep func(*frame) bool) {
	kept := l.frames[:0]
	for _, f := range l.frames[l.head:] {
		if keep(f) {
			kept = append(kept, f)
		}
	}
	clear(l.frames[len(kept):])
	l.frames, l.head = kept, 0
}

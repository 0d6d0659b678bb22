package rooms

// list is a list that grows and shrinks at its end only, in chunks. It never moves more
// than one chunk of values: to grow a slice of a hundred thousand takes milliseconds, for
// which emits would wait. The zero list is empty.
type list[T any] struct {
	first []T        // the first chunk, allocated as needed
	rest  *chunks[T] // nil if there is none
}

// chunks are the chunks after the first. All are full but the last two: the last may be a
// spare that is empty.
type chunks[T any] struct {
	all [][]T
	len int // number of values
}

const (
	chunkBits = 8
	chunkLen  = 1 << chunkBits
)

func (l *list[T]) len() int {
	if l.rest == nil {
		return len(l.first)
	}
	return len(l.first) + l.rest.len
}

// at returns a pointer to the value at index i.
func (l *list[T]) at(i int) *T {
	if i < len(l.first) {
		return &l.first[i]
	}
	i -= chunkLen
	return &l.rest.all[i>>chunkBits][i&(chunkLen-1)]
}

func (l *list[T]) push(v T) {
	if len(l.first) < chunkLen {
		l.first = append(l.first, v)
		return
	}
	if l.rest == nil {
		l.rest = new(chunks[T])
	}
	r := l.rest
	if r.len == len(r.all)*chunkLen {
		r.all = append(r.all, make([]T, chunkLen))
	}
	r.all[r.len>>chunkBits][r.len&(chunkLen-1)] = v
	r.len++
}

// pop removes the last value and returns it.
func (l *list[T]) pop() (v T) {
	var none T
	if r := l.rest; r != nil && r.len > 0 {
		r.len--
		place := &r.all[r.len>>chunkBits][r.len&(chunkLen-1)]
		v, *place = *place, none
		if last := len(r.all) - 1; r.len <= (last-1)*chunkLen {
			r.all[last] = nil
			r.all = shrunk(r.all[:last])
		}
		return v
	}
	last := len(l.first) - 1
	v, l.first[last] = l.first[last], none
	l.first = shrunk(l.first[:last])
	if last < chunkLen/2 {
		l.rest = nil // release the spare chunk
	}
	return v
}

// shrunk halves the memory of a slice that uses at most a quarter of it.
func shrunk[T any](s []T) []T {
	if cap(s) <= 64 || len(s) > cap(s)/4 {
		return s
	}
	return append(make([]T, 0, cap(s)/2), s...)
}

//go:build unix

package sendqueue

import (
	"errors"
	"sync"
	"syscall"
)

// canTryWrite is true: this system has a write that does not block.
const canTryWrite = true

// tryWrite writes as much as the connection's socket takes without blocking. It has a
// writer's buffer, and keeps the callback for RawConn.Write, which would otherwise be
// allocated each time.
type tryWrite struct {
	buf [batch]byte

	piece []byte
	n     int
	err   error
	once  func(fd uintptr) bool
}

var writes = sync.Pool{New: func() any {
	w := &tryWrite{}
	w.once = w.attempt
	return w
}}

func getTryWrite() *tryWrite  { return writes.Get().(*tryWrite) }
func putTryWrite(w *tryWrite) { writes.Put(w) }

// write writes piece, or the first n bytes of it.
func (w *tryWrite) write(raw syscall.RawConn, piece []byte) (n int, err error) {
	w.piece, w.n, w.err = piece, 0, nil
	if err := raw.Write(w.once); err != nil {
		return 0, err
	}
	return w.n, w.err
}

// attempt is called with the connection's descriptor. It always returns true, so that
// RawConn.Write does not wait until the socket takes more.
func (w *tryWrite) attempt(fd uintptr) bool {
	for len(w.piece) > 0 {
		n, err := syscall.Write(int(fd), w.piece)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if errors.Is(err, syscall.EAGAIN) {
			return true
		}
		if err != nil {
			w.err = err
			return true
		}
		w.n += n
		w.piece = w.piece[n:]
		return true
	}
	return true
}

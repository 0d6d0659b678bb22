//go:build unix

package sendqueue

import (
	"errors"
	"sync"
	"syscall"
)

// canTry: there is a write that does not block.
const canTry = true

// try is one write that takes what the connection takes at this moment. It holds
// a writer's buffer, and what would be a closure and an allocation each time.
type try struct {
	buf [batch]byte

	piece []byte
	n     int
	err   error
	once  func(fd uintptr) bool
}

var tries = sync.Pool{New: func() any {
	t := &try{}
	t.once = t.attempt
	return t
}}

func getTry() *try  { return tries.Get().(*try) }
func putTry(t *try) { tries.Put(t) }

// write writes piece, or the first n bytes of it.
func (t *try) write(raw syscall.RawConn, piece []byte) (n int, err error) {
	t.piece, t.n, t.err = piece, 0, nil
	if err := raw.Write(t.once); err != nil {
		return 0, err
	}
	return t.n, t.err
}

// attempt is called with the connection's descriptor. It always reports true,
// which is not to wait until there is more room.
func (t *try) attempt(fd uintptr) bool {
	for len(t.piece) > 0 {
		n, err := syscall.Write(int(fd), t.piece)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if errors.Is(err, syscall.EAGAIN) {
			return true
		}
		if err != nil {
			t.err = err
			return true
		}
		t.n += n
		t.piece = t.piece[n:]
		return true
	}
	return true
}

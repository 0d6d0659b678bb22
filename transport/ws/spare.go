package ws

import (
	"math/bits"
	"sync"
)

// spares are buffers of readers that had to grow for a large message, which they
// need for a moment only: those of 2, 4, 8, … times steadyBuffer.
var spares [6]sync.Pool

// spareFor returns the pool of buffers of a size, or nil if they are not kept.
func spareFor(size int) *sync.Pool {
	class := bits.Len(uint(size/steadyBuffer)) - 2
	if class < 0 || class >= len(spares) || size != steadyBuffer<<(class+1) {
		return nil
	}
	return &spares[class]
}

// newBuffer returns a buffer of a size, with anything in it.
func newBuffer(size int) []byte {
	if pool := spareFor(size); pool != nil {
		if buf, ok := pool.Get().(*[]byte); ok {
			return *buf
		}
	}
	return make([]byte, size)
}

// giveBack takes a buffer that nobody looks into any more.
func giveBack(buf []byte) {
	if pool := spareFor(len(buf)); pool != nil {
		pool.Put(&buf)
	}
}

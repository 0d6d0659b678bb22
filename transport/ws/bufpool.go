package ws

import (
	"math/bits"
	"sync"
)

// bufferPools keep the buffers of readers that grew for a large message: a reader needs
// such a buffer only until its next message. There is one pool for each size: 2, 4, 8, …
// 64 times steadyBuffer.
var bufferPools [6]sync.Pool

// poolFor returns the pool of buffers of a size, or nil if they are not pooled.
func poolFor(size int) *sync.Pool {
	class := bits.Len(uint(size/steadyBuffer)) - 2
	if class < 0 || class >= len(bufferPools) || size != steadyBuffer<<(class+1) {
		return nil
	}
	return &bufferPools[class]
}

// getBuffer returns a buffer of a size. It may hold bytes of earlier messages.
func getBuffer(size int) []byte {
	if pool := poolFor(size); pool != nil {
		if buf, ok := pool.Get().(*[]byte); ok {
			return *buf
		}
	}
	return make([]byte, size)
}

// putBuffer returns a buffer to its pool, if it has one.
func putBuffer(buf []byte) {
	if pool := poolFor(len(buf)); pool != nil {
		pool.Put(&buf)
	}
}

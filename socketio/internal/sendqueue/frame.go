package sendqueue

import "sync/atomic"

// Frame is a unit that is sent as a whole: one frame of the protocol below, or several that
// must not be separated. It is shared, so it must not be changed.
type Frame struct {
	bytes   []byte
	holders atomic.Int32 // the number of queues behind that hold it
}

// The memory of a frame beside its bytes: the Frame itself, and its place in a queue, whose
// slice may have twice as many places as are used.
const (
	frameSize = 32
	placeSize = 16
)

// NewFrame makes a frame of bytes, which it keeps.
func NewFrame(bytes []byte) *Frame { return &Frame{bytes: bytes} }

// Len is the frame's length in bytes.
func (f *Frame) Len() int { return len(f.bytes) }

// size returns the memory of the frame, which counts once for all queues that hold it.
func (f *Frame) size() int64 { return int64(cap(f.bytes)) + frameSize }

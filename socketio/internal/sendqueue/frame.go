package sendqueue

import "sync/atomic"

// Frame is something to send: one frame of the protocol beneath, or several that
// must not be parted. It is shared, so nobody changes it.
type Frame struct {
	bytes   []byte
	holders atomic.Int32 // queues that are behind and have it in their queues
}

// What a frame takes beside its bytes: itself, and its place in a queue, of which
// there may be twice as many as are used.
const (
	frameSize = 32
	placeSize = 16
)

// NewFrame makes a frame of bytes, which it keeps.
func NewFrame(bytes []byte) *Frame { return &Frame{bytes: bytes} }

// Len is the frame's length in bytes.
func (f *Frame) Len() int { return len(f.bytes) }

// size is the memory that the frame takes, once, however many queues have it.
func (f *Frame) size() int64 { return int64(cap(f.bytes)) + frameSize }

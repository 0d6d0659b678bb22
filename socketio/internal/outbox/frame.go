package outbox

// Frame is something to send: one frame of the protocol beneath, or several that
// must not be parted. It is shared, so nobody changes it.
type Frame struct{ bytes []byte }

// NewFrame makes a frame of bytes, which it keeps.
func NewFrame(bytes []byte) *Frame { return &Frame{bytes: bytes} }

// Len is the frame's length in bytes.
func (f *Frame) Len() int { return len(f.bytes) }

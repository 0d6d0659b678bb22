package core

import (
	"sync"
	"sync/atomic"
)

// The first byte of every frame. The first two are the reference's (docs/reference-protocol.md,
// section 3); the others are spoken between Go nodes only.
const (
	frameHello    = 0x00 // dialler's introduction
	frameMesh     = 0x01 // a message
	frameWelcome  = 0x02 // acceptor's answer to a HELLO
	frameStart    = 0x03 // the messages that follow come in this codec, behind that link's
	framePing     = 0x04
	framePong     = 0x05
	frameFinish   = 0x06 // no more messages on this link: they go on on another
	frameBatch    = 0x07 // messages, each with its length before it
	frameInterest = 0x08 // which rooms have members here
	frameFlush    = 0x09 // a node that leaves asks whether all has arrived
	frameFlushed  = 0x0a // all has
)

// Frames that carry nothing.
var (
	pingFrame    = []byte{framePing}
	pongFrame    = []byte{framePong}
	flushedFrame = []byte{frameFlushed}
)

// The buffers of frames, in bytes.
const (
	freshFrame = 512      // of a new one: most messages fit
	smallFrame = 64 << 10 // larger ones are for large messages, and kept apart
	largeFrame = 1 << 20  // larger ones are not kept
)

// frame is one encoded message, shared by the queues of all peers that get it.
// Its bytes do not change between newFrame and the last release.
type frame struct {
	bytes    []byte
	kind     Kind
	volatile bool
	lane     uint32 // its namespace's: those with the same one keep their order
	refs     atomic.Int32
	written  chan struct{} // closed by the last release; nil if nobody waits
}

var (
	smallFrames = sync.Pool{New: func() any { return &frame{bytes: make([]byte, 0, freshFrame)} }}
	largeFrames = sync.Pool{New: func() any { return new(frame) }}
)

// newFrame encodes m for a lane, with the caller as its one holder.
func newFrame(codec Codec, m *Message, lane uint32) (*frame, error) {
	f := freeFrame(m)
	bytes, err := codec.Append(append(f.bytes[:0], frameMesh), m)
	f.bytes = bytes
	if err != nil {
		f.free()
		return nil, err
	}
	f.kind, f.volatile, f.lane = m.Kind, m.Volatile(), lane
	f.refs.Store(1)
	return f, nil
}

// freeFrame returns a frame that nobody holds, for a message.
func freeFrame(m *Message) *frame {
	const manySockets = 64 // about 64 KiB of them
	if len(m.Sockets) > manySockets || m.Payload.Size() > smallFrame {
		return largeFrames.Get().(*frame)
	}
	return smallFrames.Get().(*frame)
}

// free keeps what nobody holds for another message. Its bytes may be no more than
// those of a codec that has failed.
func (f *frame) free() {
	switch size := cap(f.bytes); {
	case size > largeFrame:
	case size > smallFrame:
		largeFrames.Put(f)
	default:
		smallFrames.Put(f)
	}
}

func (f *frame) hold() { f.refs.Add(1) }

// watch returns what is closed when the last peer's copy was written or given up.
// It is for the holder that made the frame.
func (f *frame) watch() <-chan struct{} {
	f.written = make(chan struct{})
	return f.written
}

// release gives up one hold; the last one returns the buffer to the pool.
func (f *frame) release() {
	if f.refs.Add(-1) > 0 {
		return
	}
	if f.written != nil {
		close(f.written)
		f.written = nil
	}
	f.free()
}

package node

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
)

// The first byte of every frame. The first two kinds are the reference's
// (docs/reference-protocol.md, section 3); only Go nodes send the others.
const (
	frameHello    = 0x00 // from the dialler
	frameMesh     = 0x01 // a message
	frameWelcome  = 0x02 // the acceptor's answer to HELLO
	frameStart    = 0x03 // codec and positions of the messages that follow
	framePing     = 0x04
	framePong     = 0x05
	frameBatch    = 0x07 // several messages, each behind its length
	frameInterest = 0x08 // rooms that have got or lost their members on the sender
	frameFlush    = 0x09 // a node that leaves asks whether everything has arrived
	frameFlushed  = 0x0a // everything has arrived
	frameAsk      = 0x0b // a question to the other node
	frameAnswer   = 0x0c // the answer to ASK
	frameSync     = 0x0d // asks how many messages of a session have arrived
	frameAck      = 0x0e // how many messages have arrived
	frameProof    = 0x11 // proves that the sender has the token, without showing it
	framePause    = 0x0f // send no more messages of this namespace
	frameContinue = 0x10 // send messages of this namespace again
	frameLost     = 0x12 // the sender has lost its link to this node
)

// Frames without content.
var (
	pingFrame    = []byte{framePing}
	pongFrame    = []byte{framePong}
	flushedFrame = []byte{frameFlushed}
)

// Frames are pooled by the size of their buffer, from one power of two to the next, so
// that a small message that waits does not occupy a large buffer.
const (
	freshFrame = 512 // bytes of the smallest: most messages fit
	frameSizes = 12  // the largest that are kept have 1 MiB
)

// frame is one encoded message, shared by the queues of all peers that get it. Its bytes
// do not change between newFrame and the last release.
type frame struct {
	bytes    []byte
	kind     core.Kind
	volatile bool
	stream   uint32 // of its namespace: messages with the same number keep their order
	traced   uint64 // its tag: a bit for each trace that shows it, and its number there; 0 if no trace does
	refs     atomic.Int32

	// For INTEREST frames: the announcer waits until all peers' queues have written one.
	writes  atomic.Int32  // queues that have not written it, plus one until watch is called
	written chan struct{} // closed when writes is 0; nil if no goroutine waits
}

var frames [frameSizes]sync.Pool

// frameSizeFor returns the smallest pool size that holds so many bytes, frameSizeOf the
// largest one for which a buffer of so many bytes can be used.
func frameSizeFor(bytes int) int {
	return min(bits.Len(uint(max(0, bytes-1))/freshFrame), frameSizes-1)
}
func frameSizeOf(bytes int) int { return bits.Len(uint(bytes)/freshFrame) - 1 }

// takeFrame returns a frame without holders and with space for so many bytes.
func takeFrame(bytes int) *frame {
	size := frameSizeFor(bytes)
	if f, ok := frames[size].Get().(*frame); ok {
		return f
	}
	return &frame{bytes: make([]byte, 0, freshFrame<<size)}
}

// newFrame encodes m for a stream. The caller holds the frame.
func newFrame(codec core.Codec, m *core.Message, stream uint32) (*frame, error) {
	f := takeFrame(encodedSize(m))
	bytes, err := codec.Append(append(f.bytes[:0], frameMesh), m)
	f.bytes = bytes
	if err != nil {
		f.free()
		return nil, err
	}
	f.kind, f.volatile, f.stream, f.traced = m.Kind, m.Volatile(), stream, 0
	f.refs.Store(1)
	return f, nil
}

// encodedSize estimates the encoded size of m.
func encodedSize(m *core.Message) int {
	const (
		envelope  = 192 // kind, sender, namespace, flags
		perSocket = 1 << 10
	)
	size := envelope + m.Payload.Size() + perSocket*len(m.Sockets)
	for _, names := range [...][]string{m.To.Rooms, m.To.Except, m.Rooms} {
		for _, name := range names {
			size += 4 + len(name)
		}
	}
	return size
}

// free returns a frame without holders to its pool. After a failed encoding the buffer
// may be smaller than the codec got it; such a frame is not kept.
func (f *frame) free() {
	if size := frameSizeOf(cap(f.bytes)); size >= 0 && size < frameSizes {
		frames[size].Put(f)
	}
}

// frameSize is the memory of a frame beside its bytes, including its place in a queue.
const frameSize = 96

// size returns the memory that the frame takes.
func (f *frame) size() int { return cap(f.bytes) + frameSize }

func (f *frame) hold() { f.refs.Add(1) }

// watch returns a channel that is closed when all peers' copies were written or given up.
// Only the maker of the frame calls it, once.
func (f *frame) watch() <-chan struct{} {
	written := make(chan struct{})
	f.written = written
	f.wrote()
	return written
}

// toWrite counts a queue that is going to write the frame, and wrote one that has.
func (f *frame) toWrite() {
	if f.kind == core.KindInterest {
		f.writes.Add(1)
	}
}

func (f *frame) wrote() {
	if f.kind == core.KindInterest && f.writes.Add(-1) == 0 && f.written != nil {
		close(f.written)
	}
}

// toWriteAgain counts a queue that writes the frame a second time. watch does not wait
// for that, so it adds so much that the count never comes to 0 again.
func (f *frame) toWriteAgain() {
	if f.kind == core.KindInterest {
		f.writes.Add(1 << 16)
	}
}

// release gives up one hold; the last one returns the buffer to the pool.
func (f *frame) release() {
	if f.refs.Add(-1) > 0 {
		return
	}
	f.written = nil
	f.free()
}

// uvarintReader reads numbers until one is malformed.
type uvarintReader struct {
	src []byte
	bad bool
}

func (r *uvarintReader) next() uint64 {
	v, width := binary.Uvarint(r.src)
	if width <= 0 {
		r.bad = true
		return 0
	}
	r.src = r.src[width:]
	return v
}

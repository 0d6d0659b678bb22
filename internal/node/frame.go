package node

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/socketmesh/mesh/core"
)

// The first byte of every frame. The first two are the reference's (docs/reference-protocol.md,
// section 3); the others are spoken between Go nodes only.
const (
	frameHello    = 0x00 // from the dialler
	frameMesh     = 0x01 // a message
	frameWelcome  = 0x02 // acceptor's answer to a HELLO
	frameStart    = 0x03 // the messages that follow come in this codec, from these positions on
	framePing     = 0x04
	framePong     = 0x05
	frameBatch    = 0x07 // messages, each with its length before it
	frameInterest = 0x08 // which rooms have members here
	frameFlush    = 0x09 // a node that leaves asks whether all has arrived
	frameFlushed  = 0x0a // all has
	frameAsk      = 0x0b // a question about the other node
	frameAnswer   = 0x0c // its answer
	frameSync     = 0x0d // how much of this session has arrived?
	frameAck      = 0x0e // so much has
	frameProof    = 0x11 // that the sender has the token, without showing it
	framePause    = 0x0f // no more of this namespace for now
	frameContinue = 0x10 // and now again
	frameLost     = 0x12 // the link to this node has broken
)

// Frames that carry nothing.
var (
	pingFrame    = []byte{framePing}
	pongFrame    = []byte{framePong}
	flushedFrame = []byte{frameFlushed}
)

// The buffers of frames are kept by their sizes, which double from one to the next:
// a small message that waits must not take a large one's buffer.
const (
	freshFrame = 512 // bytes of the smallest: most messages fit
	frameSizes = 12  // the largest that are kept have 1 MiB
)

// frame is one encoded message, shared by the queues of all peers that get it.
// Its bytes do not change between newFrame and the last release.
type frame struct {
	bytes    []byte
	kind     core.Kind
	volatile bool
	stream   uint32 // its namespace's: those with the same one keep their order
	traced   uint64 // by which traces, and its number for them; 0 if by none
	refs     atomic.Int32

	// Of INTEREST frames: who has made one may wait until it is written to all peers.
	writes  atomic.Int32  // queues that have not written it; and one, until watch is done
	written chan struct{} // closed when writes is 0; nil if nobody waits
}

var frames [frameSizes]sync.Pool

// frameSizeFor is the smallest size that holds so many bytes, frameSizeOf the largest that a
// buffer of so many is good for.
func frameSizeFor(bytes int) int {
	return min(bits.Len(uint(max(0, bytes-1))/freshFrame), frameSizes-1)
}
func frameSizeOf(bytes int) int { return bits.Len(uint(bytes)/freshFrame) - 1 }

// takeFrame returns a frame that nobody holds, for so many bytes.
func takeFrame(bytes int) *frame {
	size := frameSizeFor(bytes)
	if f, ok := frames[size].Get().(*frame); ok {
		return f
	}
	return &frame{bytes: make([]byte, 0, freshFrame<<size)}
}

// newFrame encodes m for a stream, with the caller as its one holder.
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

// encodedSize is roughly what m takes when it is encoded.
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

// free keeps what nobody holds for another message. Its bytes may be no more than
// those of a codec that has failed.
func (f *frame) free() {
	if size := frameSizeOf(cap(f.bytes)); size >= 0 && size < frameSizes {
		frames[size].Put(f)
	}
}

// frameSize is what a frame takes beside its bytes, its place in a queue included.
const frameSize = 96

// size is the memory that the frame takes.
func (f *frame) size() int { return cap(f.bytes) + frameSize }

func (f *frame) hold() { f.refs.Add(1) }

// watch returns what is closed when the last peer's copy was written or given up.
// It is for the holder that made the frame.
func (f *frame) watch() <-chan struct{} {
	written := make(chan struct{})
	f.written = written
	f.wrote()
	return written
}

// toWrite counts a queue that is to write the frame, and wrote one that has.
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

// toWriteAgain counts a queue that writes the frame a second time. Whoever waited for the
// first does not wait for that, so the count never comes to 0 any more.
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

// uvarintReader reads numbers as long as nothing is bad.
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

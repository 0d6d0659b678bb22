package node

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/socketmesh/mesh/core"
)

// featureBatch is the feature of nodes that take BATCH frames.
const featureBatch = "batch"

// The limits of BATCH frames. Copying a message above packable costs more than it saves.
const (
	packable   = 4 << 10
	packedSize = 32 << 10
	maxBatch   = 4 << 10 // messages
)

// batcher collects the frames of one Send. For peers that take BATCH frames, it joins
// small messages that wait together: a frame costs its transport more than joining a
// message costs here.
type batcher struct {
	frames [][]byte
	packed []*[]byte // buffers of BATCH frames
}

var packPool = sync.Pool{New: func() any {
	b := make([]byte, 0, packedSize)
	return &b
}}

// control adds control frames, which go before messages.
func (b *batcher) control(frames [][]byte) { b.frames = append(b.frames, frames...) }

// messages adds a batch, joined into frames of at most limit bytes; the limit is 0 if the
// peer does not take BATCH frames.
func (b *batcher) messages(batch []*frame, limit int) {
	for len(batch) > 0 {
		n := joinable(batch, limit)
		if n < 2 {
			b.frames = append(b.frames, batch[0].bytes)
			batch = batch[1:]
			continue
		}
		b.join(batch[:n])
		batch = batch[n:]
	}
}

// joinable returns how many of the first messages fit into one frame.
func joinable(batch []*frame, limit int) int {
	size := 1
	for i, f := range batch {
		size += len(f.bytes) - 1 + binary.MaxVarintLen16
		if len(f.bytes) > packable || size > limit || f.bytes[0] != frameMesh {
			return i
		}
	}
	return len(batch)
}

// join appends one BATCH frame of these messages: of each, the length, and its frame
// without the first byte.
func (b *batcher) join(batch []*frame) {
	buf := packPool.Get().(*[]byte)
	packed := append((*buf)[:0], frameBatch)
	for _, f := range batch {
		packed = binary.AppendUvarint(packed, uint64(len(f.bytes)-1))
		packed = append(packed, f.bytes[1:]...)
	}
	*buf = packed
	b.packed = append(b.packed, buf)
	b.frames = append(b.frames, packed)
}

// clear empties the batcher after its frames were sent.
func (b *batcher) clear() {
	for _, buf := range b.packed {
		packPool.Put(buf)
	}
	clear(b.packed)
	clear(b.frames)
	b.packed, b.frames = b.packed[:0], b.frames[:0]
}

// errBatch is for a BATCH frame that cannot be split into messages.
var errBatch = fmt.Errorf("%w: batch", core.ErrMalformed)

// errLargeBatch is for a BATCH frame with more messages than any node sends, with which a
// peer could keep this one busy.
var errLargeBatch = fmt.Errorf("%w: more than %d messages in a batch", core.ErrMalformed, maxBatch)

// unpack splits a BATCH frame without its first byte. It stops at the first error of
// take.
func unpack(src []byte, take func(message []byte) error) error {
	for i := 0; len(src) > 0; i++ {
		if i == maxBatch {
			return errLargeBatch
		}
		size, n := binary.Uvarint(src)
		if n <= 0 || size == 0 || size > uint64(len(src)-n) {
			return fmt.Errorf("%w: %d bytes are left, which is not a message", errBatch, len(src))
		}
		end := n + int(size)
		if err := take(src[n:end]); err != nil {
			return err
		}
		src = src[end:]
	}
	return nil
}

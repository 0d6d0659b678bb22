package node

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/socketmesh/mesh/core"
)

// featureBatch is what a node offers that takes BATCH frames.
const featureBatch = "batch"

// The bounds of BATCH frames. A message above packable is not worth the copy.
const (
	packable   = 4 << 10
	packedSize = 32 << 10
)

// batcher puts together what one Send gets. For peers that take them it joins
// small messages that wait together into BATCH frames: each frame costs its
// transport more than a message costs here.
type batcher struct {
	frames [][]byte
	packed []*[]byte // buffers of BATCH frames
}

var packPool = sync.Pool{New: func() any {
	b := make([]byte, 0, packedSize)
	return &b
}}

// control adds frames that go before messages.
func (p *batcher) control(frames [][]byte) { p.frames = append(p.frames, frames...) }

// messages adds a batch, joined into frames of at most limit bytes; 0 if the peer
// does not take such.
func (p *batcher) messages(batch []*frame, limit int) {
	for len(batch) > 0 {
		n := joinable(batch, limit)
		if n < 2 {
			p.frames = append(p.frames, batch[0].bytes)
			batch = batch[1:]
			continue
		}
		p.join(batch[:n])
		batch = batch[n:]
	}
}

// joinable tells how many of the first messages fit into one frame.
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

// join makes one frame of messages: each one's length, and what follows its kind.
func (p *batcher) join(batch []*frame) {
	buf := packPool.Get().(*[]byte)
	b := append((*buf)[:0], frameBatch)
	for _, f := range batch {
		b = binary.AppendUvarint(b, uint64(len(f.bytes)-1))
		b = append(b, f.bytes[1:]...)
	}
	*buf = b
	p.packed = append(p.packed, buf)
	p.frames = append(p.frames, b)
}

// clear lets go of the frames when they are sent.
func (p *batcher) clear() {
	for _, buf := range p.packed {
		packPool.Put(buf)
	}
	clear(p.packed)
	clear(p.frames)
	p.packed, p.frames = p.packed[:0], p.frames[:0]
}

// errBatch is for what is not a sequence of messages.
var errBatch = fmt.Errorf("%w: batch", core.ErrMalformed)

// unpack splits what follows the kind of a BATCH frame. It ends with the first
// error of take.
func unpack(src []byte, take func(message []byte) error) error {
	for len(src) > 0 {
		size, n := binary.Uvarint(src)
		if n <= 0 || size > uint64(len(src)-n) {
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

package quic

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/socketmesh/mesh/core"
)

// The buffers of a reader, in bytes: for what arrives, for the beginning of a
// frame that is larger, and how large that may be to be used again.
const (
	readBuffer = 16 << 10
	firstChunk = 64 << 10
	keepBuffer = 256 << 10
)

// goodbyeMark stands in place of a frame's size plus one.
const goodbyeMark = 0

// appendSize begins a frame of size bytes.
func appendSize(dst []byte, size int) []byte {
	return binary.AppendUvarint(dst, uint64(size)+1)
}

// errGoodbye is what a reader meets where a goodbye follows.
var errGoodbye = errors.New("goodbye")

// frameReader takes frames from a stream.
type frameReader struct {
	src   *bufio.Reader
	taken int    // bytes of src's buffer that the last frame lies in
	buf   []byte // for larger frames
}

func newFrameReader(src io.Reader) *frameReader {
	return &frameReader{src: bufio.NewReaderSize(src, readBuffer)}
}

// next returns the next frame, which is valid until the next call. It returns
// io.EOF where the stream ends between two frames, and errGoodbye at the mark.
func (r *frameReader) next(limit int) ([]byte, error) {
	r.src.Discard(r.taken)
	r.taken = 0
	header, err := r.varint()
	switch {
	case err != nil:
		return nil, err
	case header == goodbyeMark:
		return nil, errGoodbye
	case header-1 > uint64(limit):
		return nil, fmt.Errorf("%w: %d bytes, at most %d", core.ErrTooLarge, header-1, limit)
	}
	size := int(header - 1)
	if size > r.src.Size() {
		return r.gather(size)
	}
	frame, err := r.src.Peek(size)
	if err != nil {
		return nil, unexpected(err)
	}
	r.taken = size
	return frame[:size:size], nil
}

var errVarint = fmt.Errorf("%w: varint above 64 bits", core.ErrMalformed)

// varint reads a number.
func (r *frameReader) varint() (uint64, error) {
	var value uint64
	for shift := 0; shift < 64; shift += 7 {
		b, err := r.src.ReadByte()
		switch {
		case err != nil && shift > 0:
			return 0, unexpected(err)
		case err != nil:
			return 0, err
		case shift == 63 && b > 1:
			return 0, errVarint
		case b < 0x80:
			return value | uint64(b)<<shift, nil
		}
		value |= uint64(b&0x7F) << shift
	}
	return 0, errVarint
}

// gather reads a frame that the reader's buffer has no room for. Memory grows
// with what arrives, not with what a header promises.
func (r *frameReader) gather(size int) ([]byte, error) {
	buf := r.buf[:0]
	if cap(buf) > keepBuffer {
		buf = nil
	}
	for len(buf) < size {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, min(max(firstChunk, 3*len(buf)), size-len(buf)))
		}
		n, err := r.src.Read(buf[len(buf):min(cap(buf), size)])
		buf = buf[:len(buf)+n]
		if err != nil && len(buf) < size {
			return nil, unexpected(err)
		}
	}
	r.buf = buf
	return buf, nil
}

// unexpected is an error in the midst of a frame.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

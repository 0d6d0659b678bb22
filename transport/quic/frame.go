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

// The sizes of a reader's buffers, in bytes: of the one for small frames, of the one
// for larger frames at first, and the largest that is kept for the next frame.
const (
	readBuffer = 16 << 10
	firstChunk = 64 << 10
	keepBuffer = 256 << 10
)

// closeMark stands before a close frame, in place of a frame's size plus one.
const closeMark = 0

// appendSize appends the header of a frame of size bytes.
func appendSize(dst []byte, size int) []byte {
	return binary.AppendUvarint(dst, uint64(size)+1)
}

// errCloseFrame is returned by a reader at the mark of a close frame.
var errCloseFrame = errors.New("close frame")

// frameReader reads frames from a QUIC stream.
type frameReader struct {
	src    *bufio.Reader
	peeked int                   // length of the last frame in src's buffer, to be discarded by next
	buf    []byte                // for larger frames
	admit  func(bytes int) error // called before the memory of a large frame is allocated; nil admits all
}

func newFrameReader(src io.Reader) *frameReader {
	return &frameReader{src: bufio.NewReaderSize(src, readBuffer)}
}

// next returns the next frame, which is valid until the following call. It returns
// io.EOF if the stream ends between two frames, and errCloseFrame at the mark.
func (r *frameReader) next(limit int) ([]byte, error) {
	r.src.Discard(r.peeked)
	r.peeked = 0
	header, err := r.varint()
	switch {
	case err != nil:
		return nil, err
	case header == closeMark:
		return nil, errCloseFrame
	case header-1 > uint64(limit):
		return nil, fmt.Errorf("%w: %d bytes, at most %d", core.ErrTooLarge, header-1, limit)
	}
	size := int(header - 1)
	if size > core.LargeFrame && r.admit != nil {
		if err := r.admit(size); err != nil {
			return nil, err
		}
	}
	if size > r.src.Size() {
		return r.large(size)
	}
	frame, err := r.src.Peek(size)
	if err != nil {
		return nil, unexpected(err)
	}
	r.peeked = size
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

// large reads a frame that is larger than src's buffer. Memory grows with what was
// received, not with the size in a header, which a stranger may choose.
func (r *frameReader) large(size int) ([]byte, error) {
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

// unexpected is the error of a read within a frame.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

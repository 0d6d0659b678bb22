package ws

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/wsframe"
)

// The buffer of a reader, in bytes: how small it begins, how large it gets where
// much comes at once, and how large it may be to be used again.
const (
	firstBuffer  = 4 << 10
	steadyBuffer = 64 << 10
	keepBuffer   = 256 << 10
)

// reader takes messages from a connection. One that comes in a single frame is
// handed out where it lies in the buffer.
type reader struct {
	socket io.Reader
	masked bool  // the peer is a dialler
	limit  int64 // of messages, in bytes
	// control gets the control frames between messages; an error of it ends
	// reading.
	control func(op wsframe.Opcode, payload []byte) error

	buf      []byte
	from, to int    // what of it has come, and was not handed out
	parts    []byte // of a message in several frames
	inParts  bool
	text     bool // the message is
}

// next reads a message, which is valid until the next call.
func (r *reader) next() ([]byte, error) {
	for {
		h, err := r.header()
		if err != nil {
			return nil, err
		}
		if err := r.check(h); err != nil {
			return nil, err
		}
		payload, err := r.payload(h)
		if err != nil {
			return nil, err
		}
		switch {
		case h.Op.Control():
			if err := r.control(h.Op, payload); err != nil {
				return nil, err
			}
		case h.Final && !r.inParts:
			return r.whole(payload, h.Op == wsframe.Text)
		default:
			if !r.inParts {
				r.text = h.Op == wsframe.Text
			}
			r.parts = append(r.parts, payload...)
			if r.inParts = !h.Final; h.Final {
				whole := r.parts
				r.parts = nil
				return r.whole(whole, r.text)
			}
		}
	}
}

// whole is a message, unless it is a text that is not UTF-8.
func (r *reader) whole(message []byte, text bool) ([]byte, error) {
	if text && !utf8.Valid(message) {
		return nil, fmt.Errorf("%w: message of %d bytes", wsframe.ErrNotUTF8, len(message))
	}
	return message, nil
}

// header reads the header of the next frame.
func (r *reader) header() (wsframe.Header, error) {
	for {
		h, n, err := wsframe.ReadHeader(r.buf[r.from:r.to], r.masked)
		if err != nil {
			return h, err
		}
		if n > 0 {
			r.from += n
			return h, nil
		}
		switch err := r.fill(); {
		case err == io.EOF && (r.from < r.to || r.inParts):
			return h, io.ErrUnexpectedEOF
		case err != nil:
			return h, err
		}
	}
}

// check refuses a frame that has no place here.
func (r *reader) check(h wsframe.Header) error {
	switch {
	case h.Deflated:
		return fmt.Errorf("%w: deflated, which was not agreed upon", wsframe.ErrProtocol)
	case h.Op.Control():
		return nil
	case h.Op == wsframe.Continuation && !r.inParts:
		return fmt.Errorf("%w: continuation of nothing", wsframe.ErrProtocol)
	case h.Op != wsframe.Continuation && r.inParts:
		return fmt.Errorf("%w: message within a message", wsframe.ErrProtocol)
	case h.Length > r.limit-int64(len(r.parts)):
		return fmt.Errorf("%w: %d bytes, and %d are allowed", core.ErrTooLarge, int64(len(r.parts))+h.Length, r.limit)
	}
	return nil
}

// payload reads the payload of a frame.
func (r *reader) payload(h wsframe.Header) ([]byte, error) {
	size := int(h.Length)
	for r.to-r.from < size {
		if err := r.fill(); err == io.EOF {
			return nil, io.ErrUnexpectedEOF
		} else if err != nil {
			return nil, err
		}
	}
	payload := r.buf[r.from : r.from+size : r.from+size]
	r.from += size
	h.Key.Mask(payload, payload)
	return payload, nil
}

// fill reads once, whatever comes.
func (r *reader) fill() error {
	r.makeRoom()
	n, err := r.socket.Read(r.buf[r.to:])
	r.to += n
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// makeRoom makes room in the buffer, which grows with what has come, and never
// with what a header promises.
func (r *reader) makeRoom() {
	waiting := r.buf[r.from:r.to]
	size := len(r.buf)
	switch full := r.to == size; {
	case len(waiting) == 0 && size > keepBuffer:
		size = steadyBuffer // where large messages come, others do
	case full && (len(waiting) == size || size < steadyBuffer):
		size = max(2*size, firstBuffer)
	case !full && len(waiting) > 0:
		return
	}
	old := r.buf
	if size != len(old) {
		r.buf = newBuffer(size)
	}
	r.from, r.to = 0, copy(r.buf, waiting)
	if size != len(old) {
		giveBack(old) // what was handed out of it is no longer valid
	}
}

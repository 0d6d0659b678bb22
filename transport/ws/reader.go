package ws

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/wsframe"
)

// The sizes of a reader's buffer, in bytes: the first one, the one up to which it grows
// for several messages at once, and the largest one that is kept after a large message.
const (
	firstBuffer  = 4 << 10
	steadyBuffer = 64 << 10
	keepBuffer   = 256 << 10
)

// reader reads messages from a connection. It returns a message of a single frame as a
// part of its buffer, without a copy.
//
// A [wsframe.Reader] serves another case, many clients that send little: it is given the
// received bytes, copies them, and holds no memory between messages. A node has few links
// with large batches, for which a buffer per connection is worth its memory.
type reader struct {
	socket io.Reader
	masked bool  // the peer is a dialler
	limit  int64 // of messages, in bytes
	// control handles a control frame; reading ends with its error.
	control func(op wsframe.Opcode, payload []byte) error
	// admit is called before more than core.LargeFrame bytes of a message are held; nil
	// admits all.
	admit func(bytes int) error

	buf      []byte
	from, to int    // the part of buf that was received and not returned yet
	parts    []byte // payloads of a message in several frames
	inParts  bool   // a message has begun whose last frame has not come yet
	text     bool   // it is a text message
}

// next returns the next message, which is valid until the following call.
func (r *reader) next() ([]byte, error) {
	for {
		h, err := r.header()
		if err != nil {
			return nil, err
		}
		if err := r.check(h); err != nil {
			return nil, err
		}
		if err := r.askAdmission(h); err != nil {
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

// whole returns a message, or an error for a text that is not UTF-8.
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

// check returns an error for a frame that must not come now, or is too large.
func (r *reader) check(h wsframe.Header) error {
	switch {
	case h.Deflated:
		return fmt.Errorf("%w: compressed, which was not negotiated", wsframe.ErrProtocol)
	case h.Op.Control():
		return nil
	case h.Op == wsframe.Continuation && !r.inParts:
		return fmt.Errorf("%w: continuation frame without a message", wsframe.ErrProtocol)
	case h.Op != wsframe.Continuation && r.inParts:
		return fmt.Errorf("%w: new message before the end of the last one", wsframe.ErrProtocol)
	case h.Length > r.limit-int64(len(r.parts)):
		return fmt.Errorf("%w: %d bytes, at most %d", core.ErrTooLarge, int64(len(r.parts))+h.Length, r.limit)
	}
	return nil
}

// askAdmission asks whether a large message may be received. The length of a message in
// several frames is not known before its last frame, so it counts as the limit.
func (r *reader) askAdmission(h wsframe.Header) error {
	before, size := len(r.parts), len(r.parts)+int(h.Length)
	switch {
	case r.admit == nil || h.Op.Control() || size <= core.LargeFrame || before > core.LargeFrame:
		return nil
	case h.Final && !r.inParts:
		return r.admit(size)
	}
	return r.admit(int(r.limit))
}

// payload returns the payload of a frame.
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

// fill reads once, as many bytes as are available.
func (r *reader) fill() error {
	r.makeSpace()
	n, err := r.socket.Read(r.buf[r.to:])
	r.to += n
	if n > 0 {
		return nil // the next Read returns an error again
	}
	return err
}

// makeSpace makes free space at the end of the buffer. The buffer grows with what
// was received, not with the length in a header, which a stranger may choose.
func (r *reader) makeSpace() {
	waiting := r.buf[r.from:r.to]
	size := len(r.buf)
	switch full := r.to == size; {
	case len(waiting) == 0 && size > keepBuffer:
		size = steadyBuffer // more messages will follow a large one
	case full && (len(waiting) == size || size < steadyBuffer):
		size = max(2*size, firstBuffer)
	case !full && len(waiting) > 0:
		return
	}
	old := r.buf
	if size != len(old) {
		r.buf = getBuffer(size)
	}
	r.from, r.to = 0, copy(r.buf, waiting)
	if size != len(old) {
		putBuffer(old) // the message in it is no longer valid
	}
}

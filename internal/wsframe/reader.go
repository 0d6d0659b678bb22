package wsframe

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// Sink receives what a [Reader] has read.
type Sink interface {
	// Message receives a whole message, Binary, or Text in UTF-8. The sink may keep the
	// payload.
	Message(op Opcode, payload []byte)
	// Control receives a Close, Ping or Pong; the payload is borrowed. That of a Close is
	// valid for [ReadClose].
	Control(op Opcode, payload []byte)
}

// Reader reassembles a client's messages from pieces as they come from the network.
// Between messages it holds no memory except its own: it is made for many clients that
// send little. The links of package ws read into a buffer that they keep, without a copy.
// The zero Reader accepts messages of any length, and no compressed ones.
type Reader struct {
	Limit   int64 // of a message's payload; 0: no limit
	Deflate bool  // permessage-deflate is agreed upon

	head    [MaxHeader]byte // the header that is being read
	headLen uint8

	// The frame that is being read.
	inFrame bool
	frame   Header
	key     Key   // of the payload still to come
	left    int64 // number of bytes still to come
	control []byte

	message  []byte // payload so far, of all frames of the message
	kind     Opcode // of the message; Continuation if there is none
	deflated bool
}

// patience is how much memory is allocated for a message before its bytes arrive: a
// client that announces much has to send it first.
const patience = 64 << 10

// Idle reports whether no message is incomplete.
func (r *Reader) Idle() bool { return r.headLen == 0 && !r.inFrame && r.kind == Continuation }

// Feed reads a piece, which is borrowed. After an error the Reader must not be used any
// more.
func (r *Reader) Feed(piece []byte, sink Sink) error {
	for len(piece) > 0 {
		if !r.inFrame {
			rest, ok, err := r.header(piece)
			if err != nil {
				return err
			}
			if piece = rest; !ok {
				return nil
			}
		}
		n := min(int64(len(piece)), r.left)
		r.payload(piece[:n])
		piece = piece[n:]
		if r.left > 0 {
			return nil
		}
		if err := r.finish(sink); err != nil {
			return err
		}
	}
	return nil
}

// header reads bytes of the header, and reports whether it is complete.
func (r *Reader) header(piece []byte) (rest []byte, ok bool, err error) {
	had := int(r.headLen)
	have := had + copy(r.head[had:], piece)
	h, n, err := ReadHeader(r.head[:have], true)
	if err != nil {
		return nil, false, err
	}
	if n == 0 {
		r.headLen = uint8(have)
		return nil, false, nil
	}
	r.headLen = 0
	// A frame without payload ends with its header.
	return piece[n-had:], true, r.begin(h)
}

// begin begins a frame.
func (r *Reader) begin(h Header) error {
	if h.Deflated && !r.Deflate {
		return fmt.Errorf("%w: reserved bits set", ErrProtocol)
	}
	r.frame, r.key, r.left, r.inFrame = h, h.Key, h.Length, true
	if h.Op.Control() {
		r.control = make([]byte, 0, h.Length)
		return nil
	}
	return r.beginData()
}

func (r *Reader) beginData() error {
	switch begins := r.frame.Op != Continuation; {
	case !begins && r.kind == Continuation:
		return fmt.Errorf("%w: continuation of nothing", ErrProtocol)
	case begins && r.kind != Continuation:
		return fmt.Errorf("%w: message within a message", ErrProtocol)
	case begins:
		r.kind, r.deflated = r.frame.Op, r.frame.Deflated
	}
	if r.Limit > 0 && r.left > r.Limit-int64(len(r.message)) {
		return ErrTooLarge
	}
	if r.message == nil {
		r.message = make([]byte, 0, min(r.left, patience))
	}
	return nil
}

// payload reads bytes of the frame's payload.
func (r *Reader) payload(piece []byte) {
	dst := &r.message
	if r.frame.Op.Control() {
		dst = &r.control
	}
	start := len(*dst)
	*dst = slices.Grow(*dst, len(piece))[:start+len(piece)]
	r.key.Mask((*dst)[start:], piece)
	r.key = r.key.After(len(piece))
	r.left -= int64(len(piece))
}

// finish passes the message or control frame that is complete to the sink.
func (r *Reader) finish(sink Sink) error {
	r.inFrame = false
	if r.frame.Op.Control() {
		payload := r.control
		r.control = nil
		if r.frame.Op == Close {
			if _, _, err := ReadClose(payload); err != nil {
				return err
			}
		}
		sink.Control(r.frame.Op, payload)
		return nil
	}
	if !r.frame.Final {
		return nil
	}
	kind, payload := r.kind, r.message
	r.kind, r.message = Continuation, nil
	if r.deflated {
		r.deflated = false
		var err error
		if payload, err = inflate(payload, r.Limit); err != nil {
			return err
		}
	}
	// A character may begin in one frame and end in the next: so the message is
	// checked as a whole.
	if kind == Text && !utf8.Valid(payload) {
		return fmt.Errorf("%w: message of %d bytes", ErrNotUTF8, len(payload))
	}
	sink.Message(kind, payload)
	return nil
}

package wsframe

import (
	"encoding/binary"
	"fmt"
)

// Sink gets what a [Reader] has read.
type Sink interface {
	// Message gets a whole message, Text or Binary. The payload is the sink's.
	Message(op Opcode, payload []byte)
	// Control gets a Close, Ping or Pong; the payload is borrowed.
	Control(op Opcode, payload []byte)
}

// Reader puts a client's frames together, from pieces as they come from the
// network. Between messages it holds no memory but its own. The zero Reader takes
// messages of any length, and no deflated ones.
type Reader struct {
	Limit   int64 // of a message's payload; 0: none
	Deflate bool  // permessage-deflate is agreed upon

	head    [14]byte // the header that is being read
	headLen uint8

	// The frame that is being read; op is that of its own header.
	inFrame  bool
	op       Opcode
	final    bool
	mask     [4]byte
	maskPos  uint8
	left     int64 // payload still to come
	control  []byte
	message  []byte // payload so far, of all frames of the message
	kind     Opcode // of the message; Continuation if there is none
	deflated bool
}

// patience is how much memory a message gets before its bytes are there: who
// announces much has to send it.
const patience = 64 << 10

// Idle tells that nothing has been read of a message that is not finished.
func (r *Reader) Idle() bool { return r.headLen == 0 && !r.inFrame && r.kind == Continuation }

// Feed reads a piece, which is borrowed. After an error the Reader is of no use.
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

// header takes what belongs to the header, and tells whether that is complete.
func (r *Reader) header(piece []byte) (rest []byte, ok bool, err error) {
	for {
		need := r.need()
		if int(r.headLen) >= need {
			break
		}
		n := copy(r.head[r.headLen:need], piece)
		r.headLen += uint8(n)
		if piece = piece[n:]; int(r.headLen) < need {
			return nil, false, nil
		}
	}
	r.headLen = 0
	// A frame without payload ends with its header.
	return piece, true, r.begin()
}

// need is how long the header is, as far as it is known; one without a mask needs
// no more to be refused.
func (r *Reader) need() int {
	if r.headLen < 2 || r.head[1]&maskBit == 0 {
		return 2
	}
	switch r.head[1] &^ maskBit {
	case 126:
		return 8
	case 127:
		return 14
	}
	return 6
}

// begin reads the header.
func (r *Reader) begin() error {
	first, second := r.head[0], r.head[1]
	r.op = Opcode(first & 0x0f)
	r.final = first&finalBit != 0
	deflated := first&deflateBit != 0
	length, end := int64(second&^maskBit), 2
	switch length {
	case 126:
		length, end = int64(binary.BigEndian.Uint16(r.head[2:])), 4
	case 127:
		length, end = int64(binary.BigEndian.Uint64(r.head[2:])), 10
	}
	switch {
	case second&maskBit == 0:
		return fmt.Errorf("%w: frame without a mask", ErrProtocol)
	case first&0x30 != 0 || deflated && (!r.Deflate || r.op.control() || r.op == Continuation):
		return fmt.Errorf("%w: reserved bits set", ErrProtocol)
	case length < 0:
		return fmt.Errorf("%w: negative length", ErrProtocol)
	}
	copy(r.mask[:], r.head[end:])
	r.maskPos, r.left, r.inFrame = 0, length, true
	if r.op.control() {
		return r.beginControl()
	}
	return r.beginData(deflated)
}

func (r *Reader) beginControl() error {
	switch {
	case r.op > Pong:
		return fmt.Errorf("%w: unknown opcode %d", ErrProtocol, r.op)
	case !r.final || r.left > MaxControl:
		return fmt.Errorf("%w: control frame too long or in pieces", ErrProtocol)
	}
	r.control = make([]byte, 0, r.left)
	return nil
}

func (r *Reader) beginData(deflated bool) error {
	switch r.op {
	case Continuation:
		if r.kind == Continuation {
			return fmt.Errorf("%w: continuation of nothing", ErrProtocol)
		}
	case Text, Binary:
		if r.kind != Continuation {
			return fmt.Errorf("%w: message within a message", ErrProtocol)
		}
		r.kind, r.deflated = r.op, deflated
	default:
		return fmt.Errorf("%w: unknown opcode %d", ErrProtocol, r.op)
	}
	if r.Limit > 0 && r.left > r.Limit-int64(len(r.message)) {
		return ErrTooLarge
	}
	if r.message == nil {
		r.message = make([]byte, 0, min(r.left, patience))
	}
	return nil
}

// payload takes bytes of the frame's payload.
func (r *Reader) payload(piece []byte) {
	dst := &r.message
	if r.op.control() {
		dst = &r.control
	}
	start := len(*dst)
	*dst = append(*dst, piece...)
	r.unmask((*dst)[start:])
	r.left -= int64(len(piece))
}

// unmask works on eight bytes at a time where it can.
func (r *Reader) unmask(b []byte) {
	pos := int(r.maskPos)
	r.maskPos = uint8((pos + len(b)) & 3)
	var key [8]byte
	for i := range key {
		key[i] = r.mask[(pos+i)&3]
	}
	word := binary.LittleEndian.Uint64(key[:])
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^word)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= key[i]
	}
}

// finish hands over what the frame completes.
func (r *Reader) finish(sink Sink) error {
	r.inFrame = false
	if r.op.control() {
		payload := r.control
		r.control = nil
		sink.Control(r.op, payload)
		return nil
	}
	if !r.final {
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
	sink.Message(kind, payload)
	return nil
}

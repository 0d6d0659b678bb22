package wsframe

import (
	"encoding/binary"
	"fmt"
)

// MaxHeader is the length of the longest header, in bytes.
const MaxHeader = 2 + 8 + 4

// Header is the beginning of a frame.
type Header struct {
	Op       Opcode
	Final    bool  // it ends its message
	Deflated bool  // the message is compressed (RFC 7692)
	Length   int64 // of the payload, in bytes
	Key      Key   // the payload is masked with it; 0 if it is not masked
}

// ReadHeader reads the header at the beginning of b, and returns its length: 0 if it is
// not complete yet. The frames of a client are masked, those of a server are not. A
// header that RFC 6455 forbids is an error that wraps [ErrProtocol], as soon as it is
// seen. A length with more bytes than necessary is accepted, as in other implementations:
// it cannot be misunderstood.
func ReadHeader(b []byte, masked bool) (Header, int, error) {
	if len(b) < 2 {
		return Header{}, 0, nil
	}
	h := Header{Op: Opcode(b[0] & 0x0f), Final: b[0]&finalBit != 0, Deflated: b[0]&deflateBit != 0, Length: int64(b[1] &^ maskBit)}
	if err := h.check(b[0], b[1]&maskBit != 0, masked); err != nil {
		return Header{}, 0, err
	}
	end := 2
	switch h.Length {
	case 126:
		if end += 2; len(b) < end {
			return Header{}, 0, nil
		}
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if end += 8; len(b) < end {
			return Header{}, 0, nil
		}
		if h.Length = int64(binary.BigEndian.Uint64(b[2:])); h.Length < 0 {
			return Header{}, 0, fmt.Errorf("%w: negative length", ErrProtocol)
		}
	}
	if !masked {
		return h, end, nil
	}
	if len(b) < end+4 {
		return Header{}, 0, nil
	}
	h.Key = Key(binary.LittleEndian.Uint32(b[end:]))
	return h, end + 4, nil
}

// check returns an error if RFC 6455 forbids the first two bytes.
func (h *Header) check(first byte, isMasked, masked bool) error {
	switch {
	case isMasked != masked && masked:
		return fmt.Errorf("%w: frame without a mask", ErrProtocol)
	case isMasked != masked:
		return fmt.Errorf("%w: masked frame of a server", ErrProtocol)
	case first&reservedBits != 0 || h.Deflated && (h.Op.Control() || h.Op == Continuation):
		return fmt.Errorf("%w: reserved bits set", ErrProtocol)
	case h.Op > Pong || h.Op > Binary && !h.Op.Control():
		return fmt.Errorf("%w: unknown opcode %d", ErrProtocol, h.Op)
	case h.Op.Control() && (!h.Final || h.Length > MaxControl):
		return fmt.Errorf("%w: control frame too long or in pieces", ErrProtocol)
	}
	return nil
}

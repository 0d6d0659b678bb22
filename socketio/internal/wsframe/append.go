package wsframe

import "encoding/binary"

// maxHeader is the length of the longest header of a server's frame.
const maxHeader = 10

// Size is the length of a frame around a payload of n bytes.
func Size(n int) int {
	switch {
	case n <= 125:
		return n + 2
	case n <= 0xffff:
		return n + 4
	}
	return n + maxHeader
}

// AppendHeader appends the header of a final frame whose payload, n bytes, the
// caller appends next.
func AppendHeader(dst []byte, op Opcode, n int) []byte {
	return appendHeader(dst, finalBit|byte(op), n)
}

// AppendDeflatedHeader does the same for a payload that is deflated.
func AppendDeflatedHeader(dst []byte, op Opcode, n int) []byte {
	return appendHeader(dst, finalBit|deflateBit|byte(op), n)
}

func appendHeader(dst []byte, first byte, n int) []byte {
	switch {
	case n <= 125:
		return append(dst, first, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(dst, first, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, first, 127), uint64(n))
}

// New returns a final frame around payload, which is copied.
func New(op Opcode, payload []byte) []byte {
	frame := make([]byte, 0, Size(len(payload)))
	return append(AppendHeader(frame, op, len(payload)), payload...)
}

// NewClose returns a Close frame with a status code; 0 for none.
func NewClose(code uint16) []byte {
	if code == 0 {
		return New(Close, nil)
	}
	return New(Close, binary.BigEndian.AppendUint16(nil, code))
}

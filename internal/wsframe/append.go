package wsframe

import "encoding/binary"

// Size is the length of a server's frame around a payload of n bytes.
func Size(n int) int {
	switch {
	case n <= 125:
		return n + 2
	case n <= 0xffff:
		return n + 4
	}
	return n + 10
}

// AppendHeader appends the header of a server's final frame whose payload, n
// bytes, the caller appends next.
func AppendHeader(dst []byte, op Opcode, n int) []byte {
	return appendHeader(dst, finalBit|byte(op), n)
}

// AppendDeflatedHeader does the same for a payload that is deflated.
func AppendDeflatedHeader(dst []byte, op Opcode, n int) []byte {
	return appendHeader(dst, finalBit|deflateBit|byte(op), n)
}

// AppendMaskedHeader does the same for a client's frame, whose payload the caller
// masks with the key.
func AppendMaskedHeader(dst []byte, op Opcode, n int, key Key) []byte {
	second := len(dst) + 1
	dst = appendHeader(dst, finalBit|byte(op), n)
	dst[second] |= maskBit
	return binary.LittleEndian.AppendUint32(dst, uint32(key))
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

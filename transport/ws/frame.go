package ws

import (
	"encoding/binary"
	"slices"
)

// Frames as RFC 6455, section 5.2, has them. We write them ourselves because the
// library writes one at a time; it does the reading.

// opcode is the first byte of a frame that is a whole message.
type opcode byte

const (
	opBinary opcode = 0x82
	opClose  opcode = 0x88
	opPong   opcode = 0x8A
)

const (
	maskBit   = 0x80
	maxHeader = 2 + 8 + 4
)

// appendHeader begins a frame with a payload of size bytes.
func appendHeader(dst []byte, op opcode, size int, masked bool) []byte {
	var mask byte
	if masked {
		mask = maskBit
	}
	switch {
	case size <= 125:
		return append(dst, byte(op), mask|byte(size))
	case size <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(dst, byte(op), mask|126), uint16(size))
	default:
		return binary.BigEndian.AppendUint64(append(dst, byte(op), mask|127), uint64(size))
	}
}

// appendMasked appends src, masked. The length of all but the last part of a
// payload has to be a multiple of 4.
func appendMasked(dst, src []byte, key uint32) []byte {
	n := len(dst)
	dst = slices.Grow(dst, len(src))[:n+len(src)]
	out := dst[n:]
	wide := uint64(key)<<32 | uint64(key)
	for len(src) >= 8 {
		binary.LittleEndian.PutUint64(out, binary.LittleEndian.Uint64(src)^wide)
		src, out = src[8:], out[8:]
	}
	for i := range src {
		out[i] = src[i] ^ byte(wide>>(8*i))
	}
	return dst
}

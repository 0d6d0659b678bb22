package load

import (
	"encoding/binary"
	"errors"
)

// Opcodes of WebSocket frames.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

const (
	finBit  = 0x80
	maskBit = 0x80
	// maxFrame bounds what a server may send at once, in bytes.
	maxFrame = 64 << 20
)

var errFrame = errors.New("bytes that are no WebSocket frame of a server")

// frame is one frame of a server. Its payload is part of what was read.
type frame struct {
	op      byte
	final   bool
	payload []byte
}

// readFrame takes the frame at the beginning of b, and tells how long it is: 0
// if it has not arrived whole.
func readFrame(b []byte) (frame, int, error) {
	if len(b) < 2 {
		return frame{}, 0, nil
	}
	if b[0]&0x70 != 0 || b[1]&maskBit != 0 {
		return frame{}, 0, errFrame // compressed, or masked: neither was agreed on
	}
	begin, size := 2, int(b[1])
	switch size {
	case 126:
		if len(b) < 4 {
			return frame{}, 0, nil
		}
		begin, size = 4, int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if len(b) < 10 {
			return frame{}, 0, nil
		}
		long := binary.BigEndian.Uint64(b[2:])
		if long > maxFrame {
			return frame{}, 0, errFrame
		}
		begin, size = 10, int(long)
	}
	end := begin + size
	if len(b) < end {
		return frame{}, 0, nil
	}
	return frame{op: b[0] & 0x0f, final: b[0]&finBit != 0, payload: b[begin:end]}, end, nil
}

// appendFrame adds a frame of a client. Its mask is zero, which every server
// takes and which costs nothing.
func appendFrame(dst []byte, op byte, payload string) []byte {
	return append(appendHeader(dst, op, len(payload)), payload...)
}

// appendHeader adds the header of a client's frame with a payload of that size.
func appendHeader(dst []byte, op byte, size int) []byte {
	dst = append(dst, finBit|op)
	switch {
	case size < 126:
		dst = append(dst, maskBit|byte(size))
	case size < 1<<16:
		dst = append(dst, maskBit|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(size))
	default:
		dst = append(dst, maskBit|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(size))
	}
	return append(dst, 0, 0, 0, 0)
}

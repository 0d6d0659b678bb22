package proto

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// The functions of this file append one field: its tag and its value. They append
// nothing for a value that is not set.

func appendUint(b []byte, tag byte, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(append(b, tag), v)
}

func appendBool(b []byte, tag byte, v bool) []byte {
	if !v {
		return b
	}
	return append(b, tag, 1)
}

func appendString(b []byte, tag byte, s string) []byte {
	if s == "" {
		return b
	}
	return appendElement(b, tag, s)
}

func appendStrings(b []byte, tag byte, list []string) []byte {
	for _, s := range list {
		b = appendElement(b, tag, s)
	}
	return b
}

// appendElement appends a string, even an empty one. Invalid UTF-8 becomes U+FFFD.
func appendElement(b []byte, tag byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	return append(appendLength(append(b, tag), len(s)), s...)
}

func appendBytes(b []byte, tag byte, v []byte) []byte {
	return append(appendLength(append(b, tag), len(v)), v...)
}

// appendLength appends a length.
func appendLength(b []byte, n int) []byte {
	if n < 0x80 {
		return append(b, byte(n))
	}
	return protowire.AppendVarint(b, uint64(n))
}

// begin begins a nested message. end puts its length in front of what was appended from
// start on; a message of 128 bytes and more has to be moved for that.
func begin(b []byte, tag byte) (_ []byte, start int) {
	b = append(b, tag, 0)
	return b, len(b)
}

func end(b []byte, start int) []byte {
	n := len(b) - start
	if n < 0x80 {
		b[start-1] = byte(n)
		return b
	}
	more := protowire.SizeVarint(uint64(n)) - 1
	b = append(b, make([]byte, more)...)
	copy(b[start+more:], b[start:start+n])
	protowire.AppendVarint(b[:start-1], uint64(n))
	return b
}

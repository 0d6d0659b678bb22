package proto

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// The functions of this file write one field, behind its tag. What is not set is
// left out.

func appendUint(b []byte, tag, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendVarint(b, tag), v)
}

func appendBool(b []byte, tag uint64, v bool) []byte {
	return appendUint(b, tag, protowire.EncodeBool(v))
}

func appendString(b []byte, tag uint64, s string) []byte {
	if s == "" {
		return b
	}
	return appendElement(b, tag, s)
}

func appendStrings(b []byte, tag uint64, list []string) []byte {
	for _, s := range list {
		b = appendElement(b, tag, s)
	}
	return b
}

// appendElement writes a string, be it empty. Invalid UTF-8 becomes U+FFFD.
func appendElement(b []byte, tag uint64, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	return protowire.AppendString(protowire.AppendVarint(b, tag), s)
}

// begin opens a message within a message. end closes it: it puts the length in
// front of what was written from start on, which seldom needs to move for it.
func begin(b []byte, tag uint64) (_ []byte, start int) {
	b = append(protowire.AppendVarint(b, tag), 0)
	return b, len(b)
}

func end(b []byte, start int) []byte {
	var length [10]byte
	n := len(b) - start
	more := len(protowire.AppendVarint(length[:0], uint64(n))) - 1
	if more > 0 {
		b = append(b, length[:more]...)
		copy(b[start+more:], b[start:start+n])
	}
	copy(b[start-1:], length[:1+more])
	return b
}

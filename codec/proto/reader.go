package proto

import (
	"errors"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

var errUTF8 = errors.New("string that is not UTF-8")

// reader steps through the fields of one message.
type reader struct{ rest []byte }

// field is one of them, by its tag.
type field struct {
	tag    uint64
	number uint64 // of a varint
	bytes  []byte // of what is delimited; aliases the input
}

func (r *reader) more() bool { return len(r.rest) > 0 }

// next reads a field; one of another wire type than ours is skipped.
func (r *reader) next() (f field, err error) {
	num, kind, n := protowire.ConsumeTag(r.rest)
	if n < 0 {
		return f, protowire.ParseError(n)
	}
	f.tag = protowire.EncodeTag(num, kind)
	r.rest = r.rest[n:]
	switch kind {
	case protowire.VarintType:
		f.number, n = protowire.ConsumeVarint(r.rest)
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(r.rest)
	default:
		n = protowire.ConsumeFieldValue(num, kind, r.rest)
	}
	if n < 0 {
		return f, protowire.ParseError(n)
	}
	r.rest = r.rest[n:]
	return f, nil
}

func (f field) boolean() bool { return protowire.DecodeBool(f.number) }

// text copies a string, which is UTF-8.
func (f field) text() (string, error) {
	if !utf8.Valid(f.bytes) {
		return "", errUTF8
	}
	return string(f.bytes), nil
}

package proto

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/socketmesh/mesh/internal/listbounds"
)

var (
	errUTF8   = errors.New("string that is not UTF-8")
	errCount  = errors.New("count out of range")
	errNumber = errors.New("field number out of range")
)

// reader reads the fields of a message. Strings are substrings of one copy of the
// message's head, which saves an allocation for each.
type reader struct {
	src  []byte
	pos  int
	head string // copy of the beginning of src
}

// newReader copies, as the head, everything before the first field whose tag is payload
// or higher. If an encoder writes fields in the order of their numbers, all strings
// are there.
func newReader(src []byte, payload uint64) reader {
	r := reader{src: src}
	for end := 0; ; end = r.pos {
		if f, ok, err := r.next(); !ok || err != nil || f.tag >= payload {
			return reader{src: src, head: string(src[:end])}
		}
	}
}

// field is a field of the schema, or an unknown one.
type field struct {
	tag        uint64
	number     uint64 // of a varint
	bytes      []byte // of a length-delimited value; a part of the input
	start, end int    // of bytes in the message
}

// next reads the next field; ok is false at the end.
func (r *reader) next() (f field, ok bool, err error) {
	if r.pos == len(r.src) {
		return f, false, nil
	}
	num, kind, n := protowire.ConsumeTag(r.src[r.pos:])
	if err := r.advance(n); err != nil {
		return f, false, err
	}
	if num > protowire.MaxValidNumber {
		return f, false, errNumber
	}
	f.tag = protowire.EncodeTag(num, kind)
	rest := r.src[r.pos:]
	switch kind {
	case protowire.VarintType:
		f.number, n = protowire.ConsumeVarint(rest)
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(rest)
	default:
		n = protowire.ConsumeFieldValue(num, kind, rest)
	}
	if err := r.advance(n); err != nil {
		return f, false, fmt.Errorf("field %d: %w", num, err)
	}
	f.start, f.end = r.pos-len(f.bytes), r.pos
	return f, true, nil
}

// advance handles the result of protowire: the number of bytes that were read, or the
// code of an error.
func (r *reader) advance(n int) error {
	if n < 0 {
		return protowire.ParseError(n)
	}
	r.pos += n
	return nil
}

// copy returns the bytes of f as a string, a part of the head if they are in it.
func (r *reader) copy(f field) string {
	if f.end <= len(r.head) {
		return r.head[f.start:f.end]
	}
	return string(f.bytes)
}

// within returns a reader for the message in f.
func (r *reader) within(f field) reader { return reader{src: f.bytes, head: r.copy(f)} }

// count returns the number of fields with this tag that follow.
func (r reader) count(tag uint64) (n int) {
	for {
		f, ok, err := r.next()
		if !ok || err != nil {
			return n
		}
		if f.tag == tag {
			n++
		}
	}
}

// text reads a string.
func (r *reader) text(f field) (string, error) {
	if !utf8.Valid(f.bytes) {
		return "", errUTF8
	}
	return r.copy(f), nil
}

// element reads a string and appends it to a list. The list is allocated once, with the
// capacity for all elements.
func (r *reader) element(list []string, f field, used *listbounds.Used) ([]string, error) {
	if list == nil {
		n := 1 + r.count(f.tag)
		if ahead := *used; ahead.Names(n) != nil { // each one is counted when it is read
			return nil, ahead.Names(n)
		}
		list = make([]string, 0, n)
	}
	if err := used.Names(1); err != nil {
		return nil, err
	}
	s, err := r.text(f)
	return append(list, s), err
}

func (f field) boolean() bool { return protowire.DecodeBool(f.number) }

// count reads a number that fits into an int.
func (f field) count() (int, error) {
	if f.number > math.MaxInt {
		return 0, errCount
	}
	return int(f.number), nil
}

package msgpack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Errors of a [Reader]. What it returns wraps one of them.
var (
	ErrShort = errors.New("msgpack: input ends early")
	ErrType  = errors.New("msgpack: unexpected type")
	ErrDepth = errors.New("msgpack: nested too deeply")
)

// MaxDepth is how deeply arrays and maps may be nested: as deep as
// encoding/json reads.
const MaxDepth = 10000

// Type is the family of the next value.
type Type uint8

const (
	Invalid Type = iota
	Nil
	Bool
	Int // signed or unsigned, any width
	Float
	String
	Bytes
	Array
	Map
	Ext
)

var typeNames = [...]string{"invalid", "nil", "bool", "int", "float", "string", "bytes", "array", "map", "ext"}

// String names the type.
func (t Type) String() string { return typeNames[t] }

// Reader is a cursor over encoded values. The slices that it returns alias the input. It
// accepts every width of every type, as the reference's decoder does. After an error its
// position is undefined.
type Reader struct {
	data []byte
}

// NewReader returns a Reader at the start of data.
func NewReader(data []byte) *Reader { return &Reader{data} }

// Len is the number of bytes not yet read.
func (r *Reader) Len() int { return len(r.data) }

// Rest are the bytes not yet read.
func (r *Reader) Rest() []byte { return r.data }

// Next is the type of the next value; Invalid at the end and for 0xc1.
func (r *Reader) Next() Type {
	if len(r.data) == 0 {
		return Invalid
	}
	switch c := r.data[0]; {
	case c < 0x80, c >= 0xe0, c >= 0xcc && c <= 0xd3:
		return Int
	case c < 0x90, c == 0xde, c == 0xdf:
		return Map
	case c < 0xa0, c == 0xdc, c == 0xdd:
		return Array
	case c < 0xc0, c >= 0xd9 && c <= 0xdb:
		return String
	case c == 0xc0:
		return Nil
	case c == 0xc2, c == 0xc3:
		return Bool
	case c >= 0xc4 && c <= 0xc6:
		return Bytes
	case c == 0xca, c == 0xcb:
		return Float
	case c >= 0xc7 && c <= 0xc9, c >= 0xd4 && c <= 0xd8:
		return Ext
	}
	return Invalid
}

func (r *Reader) wrong(want string) error {
	if len(r.data) == 0 {
		return ErrShort
	}
	return fmt.Errorf("%w: want %s, have %s", ErrType, want, r.Next())
}

func (r *Reader) take(n int) ([]byte, error) {
	if n < 0 || n > len(r.data) {
		return nil, ErrShort
	}
	b := r.data[:n:n]
	r.data = r.data[n:]
	return b, nil
}

// uint reads a big-endian number of 1, 2, 4 or 8 bytes that follows a type byte.
func (r *Reader) uint(width int) (uint64, error) {
	b, err := r.take(1 + width)
	if err != nil {
		return 0, err
	}
	switch b = b[1:]; width {
	case 1:
		return uint64(b[0]), nil
	case 2:
		return uint64(binary.BigEndian.Uint16(b)), nil
	case 4:
		return uint64(binary.BigEndian.Uint32(b)), nil
	}
	return binary.BigEndian.Uint64(b), nil
}

// Nil reads nil.
func (r *Reader) Nil() error {
	if r.Next() != Nil {
		return r.wrong("nil")
	}
	r.data = r.data[1:]
	return nil
}

// Bool reads a boolean.
func (r *Reader) Bool() (bool, error) {
	if r.Next() != Bool {
		return false, r.wrong("bool")
	}
	v := r.data[0] == 0xc3
	r.data = r.data[1:]
	return v, nil
}

// Int reads an integer; one above the range of int64 is an error.
func (r *Reader) Int() (int64, error) {
	if r.Next() != Int {
		return 0, r.wrong("int")
	}
	switch c := r.data[0]; {
	case c < 0x80 || c >= 0xe0:
		r.data = r.data[1:]
		return int64(int8(c)), nil
	case c >= 0xd0:
		v, err := r.uint(1 << (c - 0xd0))
		switch c {
		case 0xd0:
			return int64(int8(v)), err
		case 0xd1:
			return int64(int16(v)), err
		case 0xd2:
			return int64(int32(v)), err
		}
		return int64(v), err
	default:
		v, err := r.uint(1 << (c - 0xcc))
		if v > math.MaxInt64 {
			return 0, fmt.Errorf("%w: %d is out of range", ErrType, v)
		}
		return int64(v), err
	}
}

// Number reads an integer or a float as JavaScript would see it. If the encoded value is
// an integer within the range of int64, isInt is true and exact is this integer.
func (r *Reader) Number() (f float64, exact int64, isInt bool, err error) {
	switch r.Next() {
	case Int:
		if r.data[0] == 0xcf {
			v, err := r.uint(8)
			if v > math.MaxInt64 {
				return float64(v), 0, false, err
			}
			return float64(v), int64(v), true, err
		}
		v, err := r.Int()
		return float64(v), v, true, err
	case Float:
		if r.data[0] == 0xca {
			v, err := r.uint(4)
			return float64(math.Float32frombits(uint32(v))), 0, false, err
		}
		v, err := r.uint(8)
		return math.Float64frombits(v), 0, false, err
	}
	return 0, 0, false, r.wrong("number")
}

// String reads a string; the bytes alias the input and are not checked to be
// UTF-8.
func (r *Reader) String() ([]byte, error) {
	if r.Next() != String {
		return nil, r.wrong("string")
	}
	var n uint64
	var err error
	switch c := r.data[0]; c {
	case 0xd9, 0xda, 0xdb:
		n, err = r.uint(1 << (c - 0xd9))
	default:
		n, r.data = uint64(c&0x1f), r.data[1:]
	}
	if err != nil {
		return nil, err
	}
	return r.take(int(n))
}

// Bytes reads binary data, which aliases the input.
func (r *Reader) Bytes() ([]byte, error) {
	if r.Next() != Bytes {
		return nil, r.wrong("bytes")
	}
	n, err := r.uint(1 << (r.data[0] - 0xc4))
	if err != nil {
		return nil, err
	}
	return r.take(int(n))
}

// Array reads an array's header: the number of elements that follow. A number that is too
// large for the rest of the input is an error.
func (r *Reader) Array() (int, error) {
	if r.Next() != Array {
		return 0, r.wrong("array")
	}
	return r.count(0x90, 0xdc, 1)
}

// Map reads a map's header: the number of pairs that follow. A number that is too large
// for the rest of the input is an error.
func (r *Reader) Map() (int, error) {
	if r.Next() != Map {
		return 0, r.wrong("map")
	}
	return r.count(0x80, 0xde, 2)
}

func (r *Reader) count(fix, wide byte, each int) (int, error) {
	var n uint64
	var err error
	switch c := r.data[0]; c {
	case wide, wide + 1:
		n, err = r.uint(2 << (c - wide))
	default:
		n, r.data = uint64(c-fix), r.data[1:]
	}
	if err != nil {
		return 0, err
	}
	if n*uint64(each) > uint64(len(r.data)) {
		return 0, ErrShort
	}
	return int(n), nil
}

// Ext reads an extension: its type and its data, which aliases the input.
func (r *Reader) Ext() (int8, []byte, error) {
	if r.Next() != Ext {
		return 0, nil, r.wrong("ext")
	}
	var n uint64
	var err error
	switch c := r.data[0]; {
	case c >= 0xd4:
		n, r.data = 1<<(c-0xd4), r.data[1:]
	default:
		n, err = r.uint(1 << (c - 0xc7))
	}
	if err != nil {
		return 0, nil, err
	}
	kind, err := r.take(1)
	if err != nil {
		return 0, nil, err
	}
	data, err := r.take(int(n))
	return int8(kind[0]), data, err
}

// Skip skips one value, however deep.
func (r *Reader) Skip() error {
	for left := 1; left > 0; left-- {
		var n int
		var err error
		switch r.Next() {
		case Nil:
			err = r.Nil()
		case Bool:
			_, err = r.Bool()
		case Int, Float:
			_, _, _, err = r.Number()
		case String:
			_, err = r.String()
		case Bytes:
			_, err = r.Bytes()
		case Array:
			n, err = r.Array()
		case Map:
			n, err = r.Map()
			n *= 2
		case Ext:
			_, _, err = r.Ext()
		default:
			err = r.wrong("a value")
		}
		if err != nil {
			return err
		}
		left += n
	}
	return nil
}

// Fields reads a map with string keys and calls field for each pair; field must
// read or skip the value. The key aliases the input.
func (r *Reader) Fields(field func(key []byte) error) error {
	n, err := r.Map()
	if err != nil {
		return err
	}
	for range n {
		key, err := r.String()
		if err != nil {
			return fmt.Errorf("key: %w", err)
		}
		if err := field(key); err != nil {
			return fmt.Errorf("%.32q: %w", key, err)
		}
	}
	return nil
}

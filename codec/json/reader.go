package json

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/socketmesh/mesh/internal/jsonscan"
)

var errType = errors.New("unexpected type")

// reader reads typed values from a header. Its methods get the first token of the value
// that they read.
type reader struct {
	jsonscan.Scanner
	src string // the header, of which the strings are parts
}

func newReader(header []byte) reader {
	return reader{jsonscan.NewScanner(header), string(header)}
}

// whole reads an object that has to be the whole header.
func (r *reader) whole(field func(key string, value jsonscan.Token) error) error {
	first, err := r.Next()
	if err != nil {
		return err
	}
	if err := r.object(first, field); err != nil {
		return err
	}
	_, err = r.Next()
	return err
}

// object calls field for each member that is not null; field must read or skip
// the value.
func (r *reader) object(first jsonscan.Token, field func(key string, value jsonscan.Token) error) error {
	if first.Kind != jsonscan.Object {
		return fmt.Errorf("%w: want an object", errType)
	}
	for {
		key, err := r.Next()
		if err != nil || key.Kind == jsonscan.ObjectEnd {
			return err
		}
		value, err := r.Next()
		if err != nil {
			return err
		}
		if value.Kind == jsonscan.Null {
			continue
		}
		if err := field(r.string(key), value); err != nil {
			return fmt.Errorf("%.64s: %w", key.Text, err)
		}
	}
}

// array calls element for each value.
func (r *reader) array(first jsonscan.Token, element func(value jsonscan.Token) error) error {
	if first.Kind != jsonscan.Array {
		return fmt.Errorf("%w: want an array", errType)
	}
	for {
		value, err := r.Next()
		if err != nil || value.Kind == jsonscan.ArrayEnd {
			return err
		}
		if err := element(value); err != nil {
			return err
		}
	}
}

func (r *reader) text(value jsonscan.Token) (string, error) {
	if value.Kind != jsonscan.String {
		return "", fmt.Errorf("%w: want a string", errType)
	}
	return r.string(value), nil
}

func (r *reader) boolean(value jsonscan.Token) (bool, error) {
	if value.Kind != jsonscan.True && value.Kind != jsonscan.False {
		return false, fmt.Errorf("%w: want a boolean", errType)
	}
	return value.Kind == jsonscan.True, nil
}

func (r *reader) integer(value jsonscan.Token) (int64, error) {
	if value.Kind != jsonscan.Number {
		return 0, fmt.Errorf("%w: want an integer", errType)
	}
	return strconv.ParseInt(string(value.Text), 10, 64)
}

// count reads an integer that is not negative.
func (r *reader) count(value jsonscan.Token) (int, error) {
	n, err := r.integer(value)
	if err == nil && (n < 0 || int64(int(n)) != n) {
		return 0, fmt.Errorf("%w: want a count", errType)
	}
	return int(n), err
}

// string returns the value of a key or string.
func (r *reader) string(t jsonscan.Token) string {
	if t.Escaped {
		return string(jsonscan.AppendUnquoted(nil, t.Text))
	}
	return r.src[t.Start : t.Start+len(t.Text)]
}

package socketio

import (
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsontext"
)

var errNotPlain = errors.New("not what it is mostly")

// decodeData is decodeValue for what is attached to a socket of another server: it
// is mostly nothing, {}, and seldom binary.
func decodeData(p core.Payload) (any, error) {
	if string(p.Text) == "{}" {
		return map[string]any{}, nil
	}
	if !p.IsZero() && len(p.Attachments) == 0 && utf8.Valid(p.Text) {
		if value, err := readWhole(p.Text); err == nil {
			return value, nil
		}
	}
	return decodeValue(p, asBuffer)
}

// readWhole reads a text as encoding/json does.
func readWhole(text []byte) (any, error) {
	s := jsontext.NewScanner(text)
	first, err := s.Next()
	if err != nil {
		return nil, err
	}
	value, err := readPlain(&s, first)
	if err != nil {
		return nil, err
	}
	_, err = s.Next() // nothing follows
	return value, err
}

// readPlain reads a value, of which first is the first token, as encoding/json
// does if the text is UTF-8.
func readPlain(s *jsontext.Scanner, first jsontext.Token) (any, error) {
	switch first.Kind {
	case jsontext.String:
		return unquote(first), nil
	case jsontext.Number:
		return readNumber(first)
	case jsontext.True:
		return true, nil
	case jsontext.False:
		return false, nil
	case jsontext.Array:
		return readArray(s)
	case jsontext.Object:
		return readObject(s)
	}
	return nil, nil
}

func readArray(s *jsontext.Scanner) (any, error) {
	array := []any{}
	for {
		t, err := s.Next()
		if err != nil {
			return nil, err
		}
		if t.Kind == jsontext.ArrayEnd {
			return array, nil
		}
		value, err := readPlain(s, t)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
}

func readObject(s *jsontext.Scanner) (any, error) {
	object := map[string]any{}
	for {
		key, err := s.Next()
		if err != nil {
			return nil, err
		}
		if key.Kind == jsontext.ObjectEnd {
			return object, nil
		}
		t, err := s.Next()
		if err != nil {
			return nil, err
		}
		value, err := readPlain(s, t)
		if err != nil {
			return nil, err
		}
		object[unquote(key)] = value
	}
}

// readNumber fails where a float64 has no room.
func readNumber(t jsontext.Token) (float64, error) {
	return strconv.ParseFloat(string(t.Text), 64)
}

// unquote is what a key or a text stands for.
func unquote(t jsontext.Token) string {
	if t.Escaped {
		return string(jsontext.AppendUnquoted(nil, t.Text))
	}
	return string(t.Text)
}

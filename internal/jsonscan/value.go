package jsonscan

import (
	"strconv"
	"unicode/utf8"
)

// Value returns the value whose first token is first, with the types that encoding/json
// uses for an any. A number beyond the range of a float64 is an error, unless
// [Scanner.Infinities] has been called.
func (s *Scanner) Value(first Token) (any, error) {
	switch first.Kind {
	case Object:
		return s.members()
	case Array:
		return s.Elements([]any{})
	case String:
		return first.Unquoted(), nil
	case Number:
		number, err := strconv.ParseFloat(string(first.Text), 64)
		if s.infinities {
			err = nil // the text is valid, so the only error is the range
		}
		return number, err
	case True:
		return true, nil
	case False:
		return false, nil
	}
	return nil, nil
}

// Infinities makes numbers beyond the range of a float64 infinities, as in JavaScript.
func (s *Scanner) Infinities() { s.infinities = true }

// Elements appends the elements of an array whose first token has been read.
func (s *Scanner) Elements(elements []any) (any, error) {
	for {
		t, err := s.Next()
		if err != nil {
			return nil, err
		}
		if t.Kind == ArrayEnd {
			return elements, nil
		}
		element, err := s.Value(t)
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
}

// members returns an object; if several members have the same name, the last one is used.
func (s *Scanner) members() (any, error) {
	members := map[string]any{}
	for {
		key, err := s.Next()
		if err != nil {
			return nil, err
		}
		if key.Kind == ObjectEnd {
			return members, nil
		}
		t, err := s.Next()
		if err != nil {
			return nil, err
		}
		if members[key.Unquoted()], err = s.Value(t); err != nil {
			return nil, err
		}
	}
}

// Unquoted returns the value of a Key or String token.
func (t Token) Unquoted() string {
	if !t.Escaped && utf8.Valid(t.Text) {
		return string(t.Text)
	}
	return string(AppendUnquoted(make([]byte, 0, len(t.Text)), t.Text))
}

package intake

import (
	"strconv"
	"unicode/utf8"

	"github.com/socketmesh/mesh/internal/jsontext"
)

// value builds the JSON value that text begins with, as encoding/json builds it
// for an any. What follows the value is not looked at.
func value(text []byte) (any, error) {
	b := builder{jsontext.NewScanner(text)}
	t, err := b.Next()
	if err != nil {
		return nil, err
	}
	if t.Kind == jsontext.Array {
		return b.array(make([]any, 0, 4)) // an event and its arguments, most likely
	}
	return b.build(t)
}

// builder builds values from tokens. The scanner bounds how deeply they nest.
type builder struct{ jsontext.Scanner }

// build builds the value of which t is the first token.
func (b *builder) build(t jsontext.Token) (any, error) {
	switch t.Kind {
	case jsontext.Object:
		return b.object()
	case jsontext.Array:
		return b.array([]any{})
	case jsontext.String:
		return unquoted(t), nil
	case jsontext.Number:
		return strconv.ParseFloat(string(t.Text), 64) // an error: out of range
	case jsontext.True:
		return true, nil
	case jsontext.False:
		return false, nil
	}
	return nil, nil
}

// array appends the elements that follow.
func (b *builder) array(elements []any) (any, error) {
	for {
		t, err := b.Next()
		if err != nil {
			return nil, err
		}
		if t.Kind == jsontext.ArrayEnd {
			return elements, nil
		}
		element, err := b.build(t)
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
}

// object builds an object from the members that follow; the last of a name counts.
func (b *builder) object() (any, error) {
	members := map[string]any{}
	for {
		key, err := b.Next()
		if err != nil {
			return nil, err
		}
		if key.Kind == jsontext.ObjectEnd {
			return members, nil
		}
		t, err := b.Next()
		if err != nil {
			return nil, err
		}
		if members[unquoted(key)], err = b.build(t); err != nil {
			return nil, err
		}
	}
}

// unquoted is what a string stands for.
func unquoted(t jsontext.Token) string {
	if !t.Escaped && utf8.Valid(t.Text) {
		return string(t.Text)
	}
	return string(jsontext.AppendUnquoted(make([]byte, 0, len(t.Text)), t.Text))
}

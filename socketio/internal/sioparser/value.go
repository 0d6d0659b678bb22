package sioparser

import "github.com/socketmesh/mesh/internal/jsonscan"

// value decodes the JSON value at the beginning of text, as encoding/json does for an any,
// except that numbers beyond the range of a float64 become infinities, as in JavaScript.
// What follows the value is ignored.
func value(text []byte) (any, error) {
	s := jsonscan.NewScanner(text)
	s.Infinities()
	t, err := s.Next()
	if err != nil {
		return nil, err
	}
	if t.Kind == jsonscan.Array {
		return s.Elements(make([]any, 0, 4)) // an event and its arguments, most likely
	}
	return s.Value(t)
}

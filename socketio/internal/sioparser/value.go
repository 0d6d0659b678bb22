package sioparser

import "github.com/socketmesh/mesh/internal/jsonscan"

// value builds the JSON value that text begins with, as encoding/json builds it
// for an any, but for numbers beyond the range of a float64: they are infinities, as in
// JavaScript. What follows the value is not looked at.
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

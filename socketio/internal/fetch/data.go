package fetch

import (
	"unicode/utf8"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsonscan"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// decodeData is siovalue.Decode for the data of another server's socket, which is mostly
// empty, {}, and seldom binary.
func decodeData(p core.Payload) (any, error) {
	if string(p.Text) == "{}" {
		return map[string]any{}, nil
	}
	if !p.IsZero() && len(p.Attachments) == 0 && utf8.Valid(p.Text) {
		if value, err := readValue(p.Text); err == nil {
			return value, nil
		}
	}
	return siovalue.Decode(p, siovalue.AsBuffer)
}

// readValue reads a text as encoding/json does.
func readValue(text []byte) (any, error) {
	s := jsonscan.NewScanner(text)
	first, err := s.Next()
	if err != nil {
		return nil, err
	}
	value, err := s.Value(first)
	if err != nil {
		return nil, err
	}
	_, err = s.Next() // no second value may follow
	return value, err
}

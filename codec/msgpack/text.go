package msgpack

import (
	"unicode/utf8"

	"github.com/socketmesh/mesh/internal/jsonscan"
	"github.com/socketmesh/mesh/internal/msgpack"
)

// appendText appends a string; bytes that are not UTF-8 become U+FFFD.
func appendText(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	return msgpack.AppendString(b, s)
}

func appendTexts(b []byte, list []string) []byte {
	b = msgpack.AppendArrayHeader(b, len(list))
	for _, s := range list {
		b = appendText(b, s)
	}
	return b
}

// readText reads a string; bytes that are not UTF-8 become U+FFFD.
func readText(r *msgpack.Reader) (string, error) {
	b, err := r.String()
	if err != nil {
		return "", err
	}
	if !utf8.Valid(b) {
		return string([]rune(string(b))), nil
	}
	return string(b), nil
}

// rooms reads an array of strings; nil means none. Rooms may be numbers, which Node
// allows. The result is not nil.
func (d *decoder) rooms() ([]string, error) {
	if d.Next() == msgpack.Nil {
		return []string{}, d.Nil()
	}
	n, err := d.Array()
	if err != nil {
		return nil, err
	}
	if err := d.used.Names(n); err != nil {
		return nil, err
	}
	rooms := make([]string, n) // n is at most the number of bytes left
	for i := range rooms {
		if rooms[i], err = readRoom(&d.Reader); err != nil {
			return nil, err
		}
	}
	return rooms, nil
}

func readRoom(r *msgpack.Reader) (string, error) {
	if t := r.Next(); t != msgpack.Int && t != msgpack.Float {
		return readText(r)
	}
	f, _, _, err := r.Number()
	if err != nil {
		return "", err
	}
	return string(jsonscan.AppendNumber(nil, f)), nil
}

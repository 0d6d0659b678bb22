package msgpack

import (
	"slices"
	"unicode/utf8"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsonscan"
	"github.com/socketmesh/mesh/internal/msgpack"
)

// protoKey is a key that makes the reference's decoder refuse the whole frame.
const protoKey = "__proto__"

// maxDepth limits the nesting of values that are sent. A reference peer processes them
// recursively on the way to its clients, and its process ends when the stack overflows,
// at some 5,000 levels.
const maxDepth = 1000

// appendEvent appends a payload that must be an event.
func appendEvent(b []byte, p core.Payload) ([]byte, error) {
	if err := jsonscan.CheckEvent(p.Text); err != nil {
		return nil, err
	}
	return appendValue(b, p)
}

// appendValue appends a payload, converted to MessagePack.
func appendValue(b []byte, p core.Payload) ([]byte, error) {
	if p.IsZero() {
		return msgpack.AppendNil(b), nil
	}
	// A header holds the number of elements behind it, so the text is read twice: once
	// to validate it and to count the elements, and once to convert it.
	var shallow [64]int32
	outline, err := jsonscan.AppendOutline(shallow[:0], p.Text, len(p.Attachments), protoKey)
	if err != nil {
		return nil, err
	}
	w := writer{Scanner: jsonscan.NewScanner(p.Text), outline: outline, attachments: p.Attachments}
	return w.write(slices.Grow(b, len(p.Text)))
}

// writer converts a text whose outline is known.
type writer struct {
	jsonscan.Scanner
	outline     jsonscan.Outline
	next        int // index in the outline of the next array or object
	attachments [][]byte
}

func (w *writer) write(b []byte) ([]byte, error) {
	for {
		t, err := w.Next()
		if err != nil || t.Kind == jsonscan.End {
			return b, err
		}
		if t.Kind == jsonscan.Key && t.Is(protoKey) {
			value, err := w.Next()
			if err != nil {
				return nil, err
			}
			if err := w.skip(value); err != nil {
				return nil, err
			}
			continue
		}
		if w.Depth() > maxDepth {
			return nil, jsonscan.ErrDepth
		}
		if b, err = w.token(b, t); err != nil {
			return nil, err
		}
	}
}

func (w *writer) token(b []byte, t jsonscan.Token) ([]byte, error) {
	switch t.Kind {
	case jsonscan.Object:
		if num, ok := w.outline.Attachment(w.next); ok {
			return msgpack.AppendBytes(b, w.attachments[num]), w.skip(t)
		}
		b = msgpack.AppendMapHeader(b, int(w.outline[w.next]))
		w.next++
	case jsonscan.Array:
		b = msgpack.AppendArrayHeader(b, int(w.outline[w.next]))
		w.next++
	case jsonscan.Key, jsonscan.String:
		return appendToken(b, t), nil
	case jsonscan.Number:
		return msgpack.AppendNumber(b, jsonscan.ParseNumber(t.Text)), nil
	case jsonscan.True, jsonscan.False:
		return msgpack.AppendBool(b, t.Kind == jsonscan.True), nil
	case jsonscan.Null:
		return msgpack.AppendNil(b), nil
	}
	return b, nil
}

// skip skips a value whose first token is first.
func (w *writer) skip(first jsonscan.Token) error {
	n, err := w.Skip(first)
	w.next += n
	return err
}

// appendToken appends a string.
func appendToken(b []byte, t jsonscan.Token) []byte {
	if !t.Escaped && utf8.Valid(t.Text) {
		return append(msgpack.AppendStringHeader(b, len(t.Text)), t.Text...)
	}
	// The length is known only after the text was appended, so the header is appended
	// behind it and then moved to the front.
	start := len(b)
	b = jsonscan.AppendUnquoted(b, t.Text)
	end := len(b)
	b = msgpack.AppendStringHeader(b, end-start)
	var header [5]byte
	n := copy(header[:], b[end:])
	copy(b[start+n:], b[start:end])
	copy(b[start:], header[:n])
	return b
}

package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

var (
	errNotEncodable = errors.New("value has no JSON form, or one above the library's limit")
	errNotAnEvent   = errors.New("not an event: want an array that begins with a name")
)

// encodeEvent encodes the data of an event packet, [name, args…], exactly as the
// library does for clients. It lets the library's encoder write the packet and
// takes its header off: "2", or "51-" with one attachment. A value whose own
// encoding panics is an error.
func encodeEvent(data any) (event core.Payload, err error) {
	defer func() {
		if r := recover(); r != nil {
			event, err = core.Payload{}, fmt.Errorf("%w: %v", errNotEncodable, r)
		}
	}()
	if text, ok := literalEvent(data); ok {
		return core.Payload{Text: text}, nil
	}
	buffers := parser.NewEncoder().Encode(&parser.Packet{Type: parser.EVENT, Data: data})
	event.Text = buffers[0].Bytes()[1:]
	if len(buffers) > 1 {
		event.Text = event.Text[bytes.IndexByte(event.Text, '-')+1:]
	}
	if len(event.Text) == 0 {
		return core.Payload{}, errNotEncodable
	}
	for _, b := range buffers[1:] {
		event.Attachments = append(event.Attachments, b.Bytes())
	}
	return event, nil
}

// literals are buffers for texts that are being written. They are copied then, for
// one of the right size is kept for as long as a client takes.
var literals = sync.Pool{New: func() any { return new([]byte) }}

// literalEvent is the text of an event that is made of literals.
func literalEvent(data any) (text []byte, ok bool) {
	args, ok := data.([]any)
	if !ok {
		return nil, false
	}
	buf := literals.Get().(*[]byte)
	defer literals.Put(buf)
	b, ok := appendList((*buf)[:0], args, 0)
	if cap(b) <= maxLiteralBuffer {
		*buf = b
	}
	if !ok || len(b) > types.MaxPayloadSize {
		return nil, false
	}
	return bytes.Clone(b), true
}

// maxLiteralBuffer is the largest buffer that is kept: rare giants must not stay.
const maxLiteralBuffer = 64 << 10

// encodeValue encodes one value.
func encodeValue(value any) (core.Payload, error) {
	p, err := encodeEvent([]any{value})
	if err != nil {
		return core.Payload{}, err
	}
	p.Text = p.Text[1 : len(p.Text)-1]
	return p, nil
}

// encodeFirst encodes the first of args, the value of an acknowledgement: the
// wire has room for one. No args are no value.
func encodeFirst(args []any) (core.Payload, error) {
	if len(args) == 0 {
		return core.Payload{}, nil
	}
	return encodeValue(args[0])
}

// asBuffer and asBytes are what becomes of an attachment in decoded values: a
// buffer of its own for Go code, as in events from clients; the bytes for an
// encoder.
func asBuffer(attachment []byte) any { return types.NewBytesBuffer(bytes.Clone(attachment)) }
func asBytes(attachment []byte) any  { return attachment }

// decodeValue decodes a payload; no value is nil.
func decodeValue(p core.Payload, binary func([]byte) any) (any, error) {
	if p.IsZero() {
		return nil, nil
	}
	var value any
	if err := json.Unmarshal(p.Text, &value); err != nil {
		return nil, fmt.Errorf("%w: %v", core.ErrMalformed, err)
	}
	if len(p.Attachments) == 0 {
		return value, nil
	}
	return attach(value, p.Attachments, binary)
}

// decodeEvent decodes an event into its name and arguments.
func decodeEvent(p core.Payload, binary func([]byte) any) ([]any, error) {
	value, err := decodeValue(p, binary)
	if err != nil {
		return nil, err
	}
	args, _ := value.([]any)
	if len(args) == 0 {
		return nil, fmt.Errorf("%w: %w", core.ErrMalformed, errNotAnEvent)
	}
	return args, nil
}

// attach puts the attachments in the place of their placeholders, in place.
func attach(value any, attachments [][]byte, binary func([]byte) any) (_ any, err error) {
	switch v := value.(type) {
	case []any:
		for i := range v {
			if v[i], err = attach(v[i], attachments, binary); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if v["_placeholder"] == true {
			num, ok := v["num"].(float64)
			if i := int(num); ok && i >= 0 && i < len(attachments) && float64(i) == num {
				return binary(attachments[i]), nil
			}
			return nil, fmt.Errorf("%w: placeholder %v of %d attachments", core.ErrMalformed, v["num"], len(attachments))
		}
		for key := range v {
			if v[key], err = attach(v[key], attachments, binary); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

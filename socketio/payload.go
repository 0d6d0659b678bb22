package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

var errNotAnEvent = errors.New("not an event: want an array that begins with a name")

// encodeEvent encodes the data of an event, [name, args…], as clients get it. An
// error is an [*EncodeError].
func encodeEvent(data any) (core.Payload, error) {
	p, err := encode(data, siovalue.Options{})
	if err != nil {
		return core.Payload{}, eventError(data, err)
	}
	return p, nil
}

// eventError says which event of an application's cannot be encoded.
func eventError(data any, err *siovalue.Error) *EncodeError {
	e := &EncodeError{Path: err.PlaceInEvent(), Err: err.Err}
	if args, _ := data.([]any); len(args) > 0 {
		e.Event, _ = args[0].(string)
	}
	return e
}

// encodeValue encodes one value, which errors call name.
func encodeValue(name string, value any, o siovalue.Options) (core.Payload, error) {
	p, err := encode(value, o)
	if err != nil {
		return core.Payload{}, &EncodeError{Path: err.Place(name), Err: err.Err}
	}
	return p, nil
}

// encodeFirst encodes the first of args, the value of an acknowledgement: the wire
// has room for one. No args are no value.
func encodeFirst(name string, args []any) (core.Payload, error) {
	if len(args) == 0 {
		return core.Payload{}, nil
	}
	return encodeValue(name+"[0]", args[0], siovalue.Options{})
}

// texts are buffers for texts that are being written. They are copied then, for one
// of the right size is kept for as long as a client takes.
var texts = sync.Pool{New: func() any { return new([]byte) }}

// maxText is the largest buffer that is kept: rare giants must not stay.
const maxText = 64 << 10

func encode(value any, o siovalue.Options) (core.Payload, *siovalue.Error) {
	buf := texts.Get().(*[]byte)
	defer texts.Put(buf)
	text, attachments, err := siovalue.Append((*buf)[:0], value, o)
	if cap(text) <= maxText {
		*buf = text
	}
	if err != nil {
		return core.Payload{}, err
	}
	return core.Payload{Text: bytes.Clone(text), Attachments: attachments}, nil
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

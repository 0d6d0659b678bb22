package siovalue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// ErrNotAnEvent says that the data of an event is not an array that begins with its name.
var ErrNotAnEvent = errors.New("not an event: want an array that begins with a name")

// buffers are for texts that are being written. The finished text is copied, because a
// queue may keep it until a client has received it, and it should take no more memory than
// it needs.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxBuffer is the largest buffer that is reused, so that rare large ones do not stay.
const maxBuffer = 64 << 10

// Encode encodes a value into a payload of its own memory.
func Encode(value any, o Options) (p core.Payload, err *Error) {
	err = encodeIn(value, o, func(text []byte, attachments [][]byte) {
		p = core.Payload{Text: bytes.Clone(text), Attachments: attachments}
	})
	return p, err
}

// Check checks whether a value can be encoded. It does not read readers that can be read
// only once.
func Check(value any) *Error {
	return encodeIn(value, Options{Check: true}, func([]byte, [][]byte) {})
}

// encodeIn encodes a value in a shared buffer, and calls use with the result before the
// buffer is used again.
func encodeIn(value any, o Options, use func(text []byte, attachments [][]byte)) *Error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	text, attachments, err := Append((*buf)[:0], value, o)
	if cap(text) <= maxBuffer {
		*buf = text
	}
	if err == nil {
		use(text, attachments)
	}
	return err
}

// AsBuffer and AsBytes convert attachments for decoded values: to a buffer with its own
// bytes for Go code, as in events from clients; to the bytes themselves for an encoder.
func AsBuffer(attachment []byte) any { return types.NewBytesBuffer(bytes.Clone(attachment)) }
func AsBytes(attachment []byte) any  { return attachment }

// Decode decodes a payload; the zero payload is nil. Errors wrap [core.ErrMalformed].
func Decode(p core.Payload, binary func(attachment []byte) any) (any, error) {
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

// DecodeEvent decodes an event into its name and arguments; the list has at least one
// element. Errors wrap [core.ErrMalformed].
func DecodeEvent(p core.Payload, binary func(attachment []byte) any) ([]any, error) {
	value, err := Decode(p, binary)
	if err != nil {
		return nil, err
	}
	args, _ := value.([]any)
	if len(args) == 0 {
		return nil, fmt.Errorf("%w: %w", core.ErrMalformed, ErrNotAnEvent)
	}
	return args, nil
}

// attach replaces placeholders with the attachments, in value itself.
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

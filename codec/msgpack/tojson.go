package msgpack

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsonscan"
	"github.com/socketmesh/mesh/internal/msgpack"
)

const placeholderKey = "_placeholder"

var errKey = errors.New("a map's key is neither a string nor a number")

// value converts the next value to a payload.
func (d *decoder) value() (core.Payload, error) {
	s, err := measure(d.Reader)
	if err != nil {
		return core.Payload{}, err
	}
	if err := d.used.Attachments(s.attachments); err != nil {
		return core.Payload{}, err
	}
	t := converter{Reader: &d.Reader, mixed: s.attachments > 0, out: make([]byte, 0, s.jsonLength())}
	if t.mixed {
		t.attachments = make([][]byte, 0, s.attachments)
		t.copies = make([]byte, 0, s.bytes)
	}
	if err := t.value(0); err != nil {
		return core.Payload{}, err
	}
	return core.Payload{Text: t.out, Attachments: t.attachments}, nil
}

// converter converts one value to JSON.
type converter struct {
	*msgpack.Reader
	mixed       bool // the value has attachments
	out         []byte
	attachments [][]byte
	copies      []byte // holds all attachments; allocated with their total length
}

func (t *converter) value(depth int) error {
	switch t.Next() {
	case msgpack.Nil:
		t.out = append(t.out, "null"...)
		return t.Nil()
	case msgpack.Bool:
		v, err := t.Bool()
		t.out = strconv.AppendBool(t.out, v)
		return err
	case msgpack.Int, msgpack.Float:
		f, _, _, err := t.Number()
		t.out = jsonscan.AppendNumber(t.out, f)
		return err
	case msgpack.String:
		s, err := t.String()
		t.out = jsonscan.AppendQuoted(t.out, s)
		return err
	case msgpack.Bytes:
		data, err := t.Bytes()
		t.attach(data)
		return err
	case msgpack.Array:
		return t.array(depth + 1)
	case msgpack.Map:
		return t.object(depth + 1)
	case msgpack.Ext:
		return t.extension()
	}
	if t.Len() == 0 {
		return msgpack.ErrShort
	}
	return msgpack.ErrType
}

func (t *converter) array(depth int) error {
	if depth > msgpack.MaxDepth {
		return msgpack.ErrDepth
	}
	n, err := t.Array()
	if err != nil {
		return err
	}
	t.out = append(t.out, '[')
	for i := range n {
		if i > 0 {
			t.out = append(t.out, ',')
		}
		if err := t.value(depth); err != nil {
			return err
		}
	}
	t.out = append(t.out, ']')
	return nil
}

func (t *converter) object(depth int) error {
	if depth > msgpack.MaxDepth {
		return msgpack.ErrDepth
	}
	n, err := t.Map()
	if err != nil {
		return err
	}
	t.out = append(t.out, '{')
	first := true
	for range n {
		mark := len(t.out)
		if !first {
			t.out = append(t.out, ',')
		}
		skipped, err := t.key()
		if err != nil {
			return err
		}
		if skipped {
			t.out = t.out[:mark]
			continue
		}
		first = false
		t.out = append(t.out, ':')
		if err := t.value(depth); err != nil {
			return err
		}
	}
	t.out = append(t.out, '}')
	return nil
}

// key appends a member's key. A member that would make clients mistake the object for a
// placeholder is skipped, and key reports true.
func (t *converter) key() (skipped bool, err error) {
	switch t.Next() {
	case msgpack.String:
		key, err := t.String()
		if err != nil {
			return false, err
		}
		if string(key) == placeholderKey && t.Next() == msgpack.Bool {
			ahead := *t.Reader
			if v, _ := ahead.Bool(); v && t.mixed {
				*t.Reader = ahead
				return true, nil
			}
		}
		t.out = jsonscan.AppendQuoted(t.out, key)
		return false, nil
	case msgpack.Int, msgpack.Float:
		f, _, _, err := t.Number()
		t.out = append(t.out, '"')
		t.out = jsonscan.AppendNumber(t.out, f)
		t.out = append(t.out, '"')
		return false, err
	}
	return false, errKey
}

// attach appends a placeholder for data.
func (t *converter) attach(data []byte) {
	t.out = append(t.out, `{"_placeholder":true,"num":`...)
	t.out = strconv.AppendInt(t.out, int64(len(t.attachments)), 10)
	t.out = append(t.out, '}')
	start := len(t.copies)
	t.copies = append(t.copies, data...)
	t.attachments = append(t.attachments, slices.Clip(t.copies[start:]))
}

// extension appends a timestamp, or the object that the reference's decoder returns
// for an extension that it does not know.
func (t *converter) extension() error {
	kind, data, err := t.Ext()
	if err != nil {
		return err
	}
	if kind == timestampType {
		t.out, err = appendTimestamp(t.out, data)
		return err
	}
	t.out = fmt.Appendf(t.out, `{"type":%d,"data":`, kind)
	t.attach(data)
	t.out = append(t.out, '}')
	return nil
}

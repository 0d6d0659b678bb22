package msgpack

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsontext"
	"github.com/socketmesh/mesh/internal/msgpack"
)

const placeholderKey = "_placeholder"

var errKey = errors.New("a map's key is neither a string nor a number")

// value carries the next value over to a payload.
func (d *decoder) value() (core.Payload, error) {
	s, err := surveyOf(d.Reader)
	if err != nil {
		return core.Payload{}, err
	}
	t := translation{Reader: &d.Reader, mixed: s.attachments > 0, out: make([]byte, 0, s.text())}
	if t.mixed {
		t.attachments = make([][]byte, 0, s.attachments)
		t.room = make([]byte, 0, s.bytes)
	}
	if err := t.value(0); err != nil {
		return core.Payload{}, err
	}
	return core.Payload{Text: t.out, Attachments: t.attachments}, nil
}

// translation is one value on its way to JSON.
type translation struct {
	*msgpack.Reader
	mixed       bool // there are attachments, or will be
	out         []byte
	attachments [][]byte
	room        []byte // that the attachments are copied to; it is as large as they are
}

func (t *translation) value(depth int) error {
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
		t.out = jsontext.AppendNumber(t.out, f)
		return err
	case msgpack.String:
		s, err := t.String()
		t.out = jsontext.AppendQuoted(t.out, s)
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

func (t *translation) array(depth int) error {
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

func (t *translation) object(depth int) error {
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
		impostor, err := t.key()
		if err != nil {
			return err
		}
		if impostor {
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

// key writes a member's key. It reports, and reads over, a member that would
// make a client take the object for a placeholder.
func (t *translation) key() (impostor bool, err error) {
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
		t.out = jsontext.AppendQuoted(t.out, key)
		return false, nil
	case msgpack.Int, msgpack.Float:
		f, _, _, err := t.Number()
		t.out = append(t.out, '"')
		t.out = jsontext.AppendNumber(t.out, f)
		t.out = append(t.out, '"')
		return false, err
	}
	return false, errKey
}

// attach writes a placeholder for data.
func (t *translation) attach(data []byte) {
	t.out = append(t.out, `{"_placeholder":true,"num":`...)
	t.out = strconv.AppendInt(t.out, int64(len(t.attachments)), 10)
	t.out = append(t.out, '}')
	start := len(t.room)
	t.room = append(t.room, data...)
	t.attachments = append(t.attachments, slices.Clip(t.room[start:]))
}

// extension writes a timestamp, or what the reference's decoder makes of an
// extension it does not know.
func (t *translation) extension() error {
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

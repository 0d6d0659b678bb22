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
	if d.text == nil {
		d.text = make([]byte, 0, d.Len()+d.Len()/8)
	}
	t := translation{Reader: &d.Reader, start: d.Rest(), out: d.text}
	if err := t.value(0); err != nil {
		return core.Payload{}, err
	}
	p := core.Payload{Text: t.out[len(d.text):len(t.out):len(t.out)], Attachments: t.ownAttachments()}
	d.text = t.out
	return p, nil
}

// translation is one value on its way to JSON.
type translation struct {
	*msgpack.Reader
	start       []byte // the value, and what follows it
	out         []byte
	attachments [][]byte // aliasing the input
	size        int      // of them all
	binary      lookout
}

// lookout is what is known of a value's binary parts.
type lookout uint8

const (
	unknown lookout = iota
	plain
	mixed
)

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
			if v, _ := ahead.Bool(); v && t.hasBinary() {
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
	t.attachments = append(t.attachments, data)
	t.size += len(data)
}

// ownAttachments copies the attachments out of the input.
func (t *translation) ownAttachments() [][]byte {
	room := make([]byte, 0, t.size)
	for i, a := range t.attachments {
		start := len(room)
		room = append(room, a...)
		t.attachments[i] = slices.Clip(room[start:])
	}
	return t.attachments
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

// hasBinary tells whether there are binary values anywhere in the value, read
// already or not.
func (t *translation) hasBinary() bool {
	if t.binary == unknown {
		t.binary = plain
		if holdsBinary(msgpack.NewReader(t.start)) {
			t.binary = mixed
		}
	}
	return t.binary == mixed
}

// holdsBinary reads one value until it finds out.
func holdsBinary(r *msgpack.Reader) bool {
	for left := 1; left > 0; left-- {
		var n int
		var err error
		switch r.Next() {
		case msgpack.Bytes:
			return true
		case msgpack.Ext:
			var kind int8
			if kind, _, err = r.Ext(); kind != timestampType {
				return true
			}
		case msgpack.Array:
			n, err = r.Array()
		case msgpack.Map:
			n, err = r.Map()
			n *= 2
		default:
			err = r.Skip()
		}
		if err != nil {
			return false // the translation will find it, too
		}
		left += n
	}
	return false
}

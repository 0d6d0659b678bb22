package socketio

import (
	"maps"

	"github.com/socketmesh/mesh/internal/jsontext"
)

// objectReader reads objects that resemble each other, into maps of their own: it
// copies the map before and changes what differs, which is less work than to fill
// one. Strings are shared, other values are not.
type objectReader struct {
	fields []slot
	last   map[string]any // made of fields, and not yet in anybody else's hands; nil if it cannot be copied
}

// slot is a member of the object.
type slot struct {
	name  string
	text  string // the value, if it is one without escapes
	plain bool   // it is
	value any
	fresh bool // value is another than in the object before
}

// read reads an object, of which first is the first token; another value is nil.
func (o *objectReader) read(s *jsontext.Scanner, first jsontext.Token) (map[string]any, error) {
	if first.Kind != jsontext.Object {
		_, err := readPlain(s, first)
		return nil, err
	}
	last := o.last
	o.last = nil
	alike, err := o.scan(s)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	if alike && last != nil {
		object = maps.Clone(last)
	} else {
		object = make(map[string]any, len(o.fields))
		alike = false
	}
	for i := range o.fields {
		if f := &o.fields[i]; f.fresh || !alike {
			object[f.name] = f.value
		}
	}
	if len(object) == len(o.fields) { // no name came twice
		o.last = object
	}
	return object, nil
}

// scan reads the members into fields, and reports whether they have the names of
// those before.
func (o *objectReader) scan(s *jsontext.Scanner) (alike bool, err error) {
	alike = true
	for n := 0; ; n++ {
		key, err := s.Next()
		if err != nil {
			return false, err
		}
		if key.Kind == jsontext.ObjectEnd {
			alike = alike && n == len(o.fields)
			clear(o.fields[n:])
			o.fields = o.fields[:n]
			return alike, nil
		}
		if n == len(o.fields) {
			o.fields = append(o.fields, slot{})
			alike = false
		}
		f := &o.fields[n]
		if key.Escaped || string(key.Text) != f.name {
			f.name = unquote(key)
			alike = false
		}
		value, err := s.Next()
		if err != nil {
			return false, err
		}
		if err := f.read(s, value); err != nil {
			return false, err
		}
	}
}

func (f *slot) read(s *jsontext.Scanner, value jsontext.Token) (err error) {
	plain := value.Kind == jsontext.String && !value.Escaped
	if plain && f.plain && string(value.Text) == f.text {
		f.fresh = false
		return nil
	}
	f.fresh, f.plain = true, plain
	if plain {
		f.text = string(value.Text)
		f.value = f.text
		return nil
	}
	f.value, err = readPlain(s, value)
	return err
}

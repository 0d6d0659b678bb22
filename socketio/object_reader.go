package socketio

import (
	"maps"

	"github.com/socketmesh/mesh/internal/jsontext"
)

// objectReader reads objects that resemble each other, into maps of their own: it
// copies the map before and changes what differs, which is less work than to fill
// one. Strings are shared, other values are not.
type objectReader struct {
	slots  []slot
	last   map[string]any           // made of slots, and not yet in anybody else's hands; nil if it cannot be copied
	nameOf func(name string) string // what a member is called; nil: as it is
}

// slot is a member of the object.
type slot struct {
	key   string // as it is written
	name  string
	raw   []byte // name and value as they are written, if the value is a string
	value any
	fresh bool // value is another than in the object before
}

// read reads an object, of which first is the first token; another value is nil.
func (o *objectReader) read(s *jsontext.Scanner, first jsontext.Token) (map[string]any, error) {
	if first.Kind != jsontext.Object {
		_, err := s.Value(first)
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
		object = make(map[string]any, len(o.slots))
		alike = false
	}
	for i := range o.slots {
		if t := &o.slots[i]; t.fresh || !alike {
			object[t.name] = t.value
		}
	}
	if len(object) < len(o.slots) { // a name came twice
		if o.nameOf != nil {
			return nil, errNotPlain
		}
		return object, nil
	}
	o.last = object
	return object, nil
}

// scan reads the members into slots, and reports whether they have the names of
// those before.
func (o *objectReader) scan(s *jsontext.Scanner) (alike bool, err error) {
	alike = true
	for n := 0; ; n++ {
		if n < len(o.slots) && s.Took(o.slots[n].raw) {
			o.slots[n].fresh = false
			continue
		}
		key, err := s.Next()
		if err != nil {
			return false, err
		}
		if key.Kind == jsontext.ObjectEnd {
			alike = alike && n == len(o.slots)
			clear(o.slots[n:])
			o.slots = o.slots[:n]
			return alike, nil
		}
		if n == len(o.slots) {
			o.slots = append(o.slots, slot{})
			alike = false
		}
		same, err := o.slots[n].read(s, key, o.nameOf)
		if err != nil {
			return false, err
		}
		alike = alike && same
	}
}

// read reads a member, and reports whether the one before had the same name.
func (t *slot) read(s *jsontext.Scanner, key jsontext.Token, nameOf func(string) string) (same bool, err error) {
	value, err := s.Next()
	if err != nil {
		return false, err
	}
	same = !key.Escaped && string(key.Text) == t.key
	if !same {
		t.key = key.Unquoted()
		t.name = t.key
		if nameOf != nil {
			t.name = nameOf(t.key)
		}
	}
	t.fresh, t.raw = true, t.raw[:0]
	if value.Kind == jsontext.String {
		t.raw = append(t.raw, s.Since(key)...)
	}
	t.value, err = s.Value(value)
	return same, err
}

package fetch

import (
	"github.com/socketmesh/mesh/internal/jsonscan"
)

// parameter is a member of an object: a header, or a parameter of a query.
type parameter struct {
	name  string
	value any
}

// objectReader reads the members of objects that resemble each other: it reuses the strings
// that one has in common with the one before. Objects share strings, and no other values.
type objectReader struct {
	slots  []slot
	nameOf func(name string) string // maps each member's name to another one, not two to the same; nil: names stay
}

// slot is a member of the object.
type slot struct {
	key   string // as it is written
	raw   []byte // name and value as they are written, if the value is a string
	value parameter
}

// read reads an object that begins with the token first; for another value it returns nil.
// Of members with the same name the last one wins.
func (o *objectReader) read(s *jsonscan.Scanner, first jsonscan.Token) ([]parameter, error) {
	if first.Kind != jsonscan.Object {
		_, err := s.Value(first)
		return nil, err
	}
	alike, err := o.scan(s)
	if err != nil {
		return nil, err
	}
	members := make([]parameter, len(o.slots))
	for i := range o.slots {
		members[i] = o.slots[i].value
	}
	if !alike && o.nameOf != nil && !distinct(members) {
		o.slots = nil
		return nil, errUnknownShape
	}
	return members, nil
}

func distinct(members []parameter) bool {
	names := make(map[string]struct{}, len(members))
	for i := range members {
		names[members[i].name] = struct{}{}
	}
	return len(names) == len(members)
}

// scan reads the members into slots, and reports whether they have the same names as those
// of the object before.
func (o *objectReader) scan(s *jsonscan.Scanner) (alike bool, err error) {
	alike = true
	for n := 0; ; n++ {
		if n < len(o.slots) && s.Took(o.slots[n].raw) {
			continue
		}
		key, err := s.Next()
		if err != nil {
			return false, err
		}
		if key.Kind == jsonscan.ObjectEnd {
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

// read reads a member, and reports whether the slot had the same name before.
func (t *slot) read(s *jsonscan.Scanner, key jsonscan.Token, nameOf func(string) string) (same bool, err error) {
	value, err := s.Next()
	if err != nil {
		return false, err
	}
	same = !key.Escaped && string(key.Text) == t.key
	if !same {
		t.key = key.Unquoted()
		t.value.name = t.key
		if nameOf != nil {
			t.value.name = nameOf(t.key)
		}
	}
	t.raw = t.raw[:0]
	if value.Kind == jsonscan.String {
		t.raw = append(t.raw, s.Since(key)...)
	}
	t.value.value, err = s.Value(value)
	return same, err
}

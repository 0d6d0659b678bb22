package mesh

import (
	"fmt"
	"slices"
	"strings"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/isnil"
)

// part is what every transport, codec and discovery has.
type part interface{ Name() string }

// shelf holds the parts of one kind that a configuration can choose from.
type shelf[P part] struct {
	field string // of Config, in which the choice is made
	parts []P
}

// newShelf puts parts on a shelf. Two of the same name are an error.
func newShelf[P part](field string, parts ...P) (*shelf[P], error) {
	s := &shelf[P]{field: field}
	for _, p := range parts {
		if isnil.Value(p) {
			return nil, &core.ConfigError{Field: field, Value: nil, Allowed: "parts that are not nil; there are " + s.names()}
		}
		if _, taken := s.find(p.Name()); taken {
			return nil, &core.ConfigError{Field: field, Value: p.Name(),
				Allowed: "one part of each name; there are already " + s.names()}
		}
		s.parts = append(s.parts, p)
	}
	return s, nil
}

// pick returns the part that is called name.
func (s *shelf[P]) pick(name string) (P, error) {
	p, ok := s.find(name)
	if !ok {
		return p, &core.ConfigError{Field: s.field, Value: name, Allowed: "one of " + s.names()}
	}
	return p, nil
}

func (s *shelf[P]) find(name string) (P, bool) {
	i := slices.IndexFunc(s.parts, func(p P) bool { return p.Name() == name })
	if i < 0 {
		var none P
		return none, false
	}
	return s.parts[i], true
}

// names lists what is on the shelf, for messages.
func (s *shelf[P]) names() string {
	names := make([]string, len(s.parts))
	for i, p := range s.parts {
		names[i] = fmt.Sprintf("%q", p.Name())
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// without returns all parts but the one that is called name, by name: value
// groups come in any order, and two servers should not differ by that.
func (s *shelf[P]) without(name string) []P {
	rest := slices.DeleteFunc(slices.Clone(s.parts), func(p P) bool { return p.Name() == name })
	slices.SortFunc(rest, func(a, b P) int { return strings.Compare(a.Name(), b.Name()) })
	return rest
}

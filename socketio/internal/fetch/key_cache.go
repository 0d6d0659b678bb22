package fetch

import (
	"cmp"
	"slices"

	"github.com/socketmesh/mesh/internal/jsonscan"
)

// keyCache holds the members of an object in the order in which they are written. Most
// sockets have the same keys as the socket before, so that they need not be sorted again.
type keyCache struct {
	list  []keyedValue
	known map[string]keyedValue // members by name, with their written form
}

// keyedValue is a member of the object.
type keyedValue struct {
	name    string
	written string // the name as it is written
	quoted  string // the same in quotes, with a colon
	value   any
}

// refill takes the values of another object, and reports whether it has exactly the keys of
// the object before.
func (c *keyCache) refill(object map[string]any) (ok bool) {
	if len(object) != len(c.list) {
		return false
	}
	for i := range c.list {
		if c.list[i].value, ok = object[c.list[i].name]; !ok {
			return false
		}
	}
	return true
}

// replace takes the keys and values of another object. write returns how a key is written.
// replace returns false if two keys are written alike.
func (c *keyCache) replace(object map[string]any, write func(string) string) bool {
	c.list = c.list[:0]
	for name, value := range object {
		known, ok := c.known[name]
		if !ok {
			written := write(name)
			known = keyedValue{name: name, written: written, quoted: string(append(jsonscan.AppendQuotedHTML(nil, written), ':'))}
			if c.known == nil {
				c.known = map[string]keyedValue{}
			}
			c.known[name] = known
		}
		known.value = value
		c.list = append(c.list, known)
	}
	slices.SortFunc(c.list, func(x, y keyedValue) int { return cmp.Compare(x.written, y.written) })
	for i := 1; i < len(c.list); i++ {
		if c.list[i-1].written == c.list[i].written {
			c.list = c.list[:0]
			return false
		}
	}
	return true
}

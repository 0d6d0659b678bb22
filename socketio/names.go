package socketio

import (
	"cmp"
	"slices"

	"github.com/socketmesh/mesh/internal/jsonscan"
)

// names are the members of an object, in the order in which they are written. Most
// sockets have the same ones as the socket before, which are not sorted again.
type names struct {
	list  []named
	known map[string]named
}

// named is a member.
type named struct {
	name    string
	written string // the name as it is written
	quoted  string // likewise, in quotes and with a colon
	value   any
}

// fit fills in the values of another object, and reports whether it has exactly
// these names.
func (n *names) fit(object map[string]any) (ok bool) {
	if len(object) != len(n.list) {
		return false
	}
	for i := range n.list {
		if n.list[i].value, ok = object[n.list[i].name]; !ok {
			return false
		}
	}
	return true
}

// take takes up the names of another object, and how they are written. It reports
// whether no two are written the same.
func (n *names) take(object map[string]any, write func(string) string) bool {
	n.list = n.list[:0]
	for name, value := range object {
		known, ok := n.known[name]
		if !ok {
			written := write(name)
			known = named{name: name, written: written, quoted: string(append(jsonscan.AppendQuotedHTML(nil, written), ':'))}
			if n.known == nil {
				n.known = map[string]named{}
			}
			n.known[name] = known
		}
		known.value = value
		n.list = append(n.list, known)
	}
	slices.SortFunc(n.list, func(x, y named) int { return cmp.Compare(x.written, y.written) })
	for i := 1; i < len(n.list); i++ {
		if n.list[i-1].written == n.list[i].written {
			n.list = n.list[:0]
			return false
		}
	}
	return true
}

package socketio

import (
	"maps"
	"net"
	"reflect"
	"slices"
	"unsafe"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// copier makes handshakes for callers who may change them: copies of those of local
// sockets, and out of descriptions what looks like those, with a list of texts for each
// header and each parameter of the query. The zero value is ready, for one goroutine.
//
// A handshake has about a dozen lists of one text. They are cut from arrays that a few
// copies have in common, each list with its own part.
type copier struct {
	texts []string
	lists [][]string
}

// How many are made at once: enough for a few copies, and so little that a copy which
// somebody keeps does not hold much else.
const textsAtOnce, listsAtOnce = 256, 128

// handshake copies a local socket's handshake.
func (c *copier) handshake(h *socket.Handshake) *socket.Handshake {
	own := *h
	own.Headers = c.members(h.Headers)
	own.Query = c.members(h.Query)
	own.Auth = make(map[string]any, len(h.Auth))
	for name, value := range h.Auth {
		own.Auth[name] = ownValue(value, 0)
	}
	return &own
}

// described makes a handshake of a description. address is the client's, as a Go node
// tells it. Its headers say, too, which host was asked for; local handshakes do not, for
// net/http takes that header out. Reference peers do not tell the port: it is 0.
func (c *copier) described(d *description, address string) *socket.Handshake {
	own := d.rest
	switch {
	case address != "":
		own.Address = address
	case own.Address != "" && withoutPort(own.Address) == own.Address:
		own.Address = net.JoinHostPort(own.Address, "0")
	}
	headers := make(map[string]any, len(d.headers))
	for i := range d.headers {
		if h := &d.headers[i]; address == "" || h.name != "Host" {
			headers[h.name] = c.member(h.value)
		}
	}
	query := make(map[string]any, len(d.query))
	for i := range d.query {
		query[d.query[i].name] = c.member(d.query[i].value)
	}
	revision, _ := query["EIO"].([]string)
	inURL := len(revision) == 1 && revision[0] == "3" // such clients have their auth there, and it is a query
	own.Auth = make(map[string]any, len(d.auth))
	for i := range d.auth {
		if name, value := d.auth[i].name, d.auth[i].value; inURL {
			own.Auth[name] = c.member(value)
		} else {
			own.Auth[name] = ownValue(value, 0)
		}
	}
	own.Headers, own.Query = headers, query
	return &own
}

func (c *copier) members(members map[string]any) map[string]any {
	own := make(map[string]any, len(members))
	for name, value := range members {
		own[name] = c.member(value)
	}
	return own
}

// member copies a header or a parameter.
func (c *copier) member(value any) any {
	switch v := value.(type) {
	case string:
		return c.list(v)
	case []string:
		return c.list(v...)
	case []any:
		texts := make([]string, len(v))
		for i := range v {
			var ok bool
			if texts[i], ok = v[i].(string); !ok {
				return ownValue(value, 0)
			}
		}
		return texts
	}
	return ownValue(value, 0)
}

// list makes a list, as a value.
func (c *copier) list(texts ...string) any {
	if len(texts) > textsAtOnce {
		return slices.Clone(texts)
	}
	if cap(c.texts)-len(c.texts) < len(texts) {
		c.texts = make([]string, 0, textsAtOnce)
	}
	if cap(c.lists) == len(c.lists) {
		c.lists = make([][]string, 0, listsAtOnce)
	}
	start := len(c.texts)
	c.texts = append(c.texts, texts...)
	c.lists = append(c.lists, c.texts[start:len(c.texts):len(c.texts)])
	return boxed(&c.lists[len(c.lists)-1])
}

// boxed is *list as a value, without the copy of the list's header that the compiler
// would make. Nobody may write to *list any more.
func boxed(list *[]string) (value any) {
	value = []string(nil)
	(*[2]unsafe.Pointer)(unsafe.Pointer(&value))[1] = unsafe.Pointer(list)
	return value
}

// maxOwnDepth is how deep values are copied: deeper ones may contain themselves.
const maxOwnDepth = 100

// ownValue copies lists, maps and buffers, and what is in them. What else there is
// cannot be changed, or is the application's own type, which only it can copy.
func ownValue(value any, depth int) any {
	if depth > maxOwnDepth {
		return value
	}
	switch v := value.(type) {
	case nil, bool, string, float64, int, int64:
		return value
	case map[string]any:
		own := maps.Clone(v)
		for name, member := range own {
			if copied := ownValue(member, depth+1); !isPlain(member) {
				own[name] = copied
			}
		}
		return own
	case []any:
		own := slices.Clone(v)
		for i := range own {
			own[i] = ownValue(own[i], depth+1)
		}
		return own
	case []byte:
		return slices.Clone(v)
	case *types.BytesBuffer:
		if v != nil && v.Buffer != nil {
			return v.Clone()
		}
	case *types.StringBuffer:
		if v != nil && v.Buffer != nil {
			return v.Clone()
		}
	default:
		if v := reflect.ValueOf(value); v.Kind() == reflect.Map || v.Kind() == reflect.Slice {
			return ownReflected(v, depth).Interface()
		}
	}
	return value
}

// isPlain tells values that are their own copies.
func isPlain(value any) bool {
	switch value.(type) {
	case nil, bool, string, float64, int, int64:
		return true
	}
	return false
}

// ownReflected copies a map or a list of another type.
func ownReflected(v reflect.Value, depth int) reflect.Value {
	if v.IsNil() || depth > maxOwnDepth {
		return v
	}
	element := func(e reflect.Value) reflect.Value {
		switch e.Kind() {
		case reflect.Map, reflect.Slice:
			return ownReflected(e, depth+1)
		case reflect.Interface:
			if !e.IsNil() {
				return reflect.ValueOf(ownValue(e.Elem().Interface(), depth+1))
			}
		}
		return e
	}
	if v.Kind() == reflect.Slice {
		own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			own.Index(i).Set(element(v.Index(i)))
		}
		return own
	}
	own := reflect.MakeMapWithSize(v.Type(), v.Len())
	for entries := v.MapRange(); entries.Next(); {
		own.SetMapIndex(entries.Key(), element(entries.Value()))
	}
	return own
}

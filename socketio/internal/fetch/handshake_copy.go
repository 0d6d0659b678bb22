package fetch

import (
	"net"
	"slices"
	"unsafe"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// copier makes handshakes that callers may change: copies of the handshakes of local
// sockets, and handshakes from descriptions that look the same, with a list of texts for
// each header and each parameter of the query. The zero value is ready, for one goroutine.
//
// A handshake has about a dozen lists of one text. They are cut from arrays that a few
// copies share; the parts of the lists do not overlap.
type copier struct {
	texts []string
	lists [][]string
}

// The lengths of these arrays: enough for a few copies, and so short that a copy which a
// caller keeps does not keep much else in memory.
const textsAtOnce, listsAtOnce = 256, 128

// handshake copies a local socket's handshake.
func (c *copier) handshake(h *socket.Handshake) *socket.Handshake {
	own := *h
	own.Headers = c.members(h.Headers)
	own.Query = c.members(h.Query)
	own.Auth = make(map[string]any, len(h.Auth))
	for name, value := range h.Auth {
		own.Auth[name] = cloneValue(value, 0)
	}
	return &own
}

// described makes a handshake from a description. address is the client's, which Go nodes
// send beside the handshake; reference peers do not send the port, which is 0 here. A
// description has the requested host among its headers, and local handshakes do not, as
// net/http removes that header: so it is left out if a Go node has sent it.
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
	inURL := len(revision) == 1 && revision[0] == "3" // clients of revision 3 send their auth in the URL's query
	own.Auth = make(map[string]any, len(d.auth))
	for i := range d.auth {
		if name, value := d.auth[i].name, d.auth[i].value; inURL {
			own.Auth[name] = c.member(value)
		} else {
			own.Auth[name] = cloneValue(value, 0)
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

// member copies the value of a header or a parameter.
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
				return cloneValue(value, 0)
			}
		}
		return texts
	}
	return cloneValue(value, 0)
}

// list returns a list of texts as an any.
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

// boxed returns *list as an any, without the copy of the slice header that the compiler
// would make. *list must not be changed any more.
func boxed(list *[]string) (value any) {
	value = []string(nil)
	(*[2]unsafe.Pointer)(unsafe.Pointer(&value))[1] = unsafe.Pointer(list)
	return value
}

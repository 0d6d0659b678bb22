package socketio

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/jsontext"
)

// handshakeWriter writes what encodeHandshake makes, byte for byte, and many times
// as fast. It has an eye only for what handshakes are made of: texts, lists of
// texts, and an auth of plain JSON values. For anything else ask encodeHandshake.
// The zero value is ready, for one goroutine.
type handshakeWriter struct {
	members []entry           // of the object that is being written
	lower   map[string]string // names of headers in lower case
}

// entry is a member of an object, before the members are sorted.
type entry struct {
	name  string
	value any
}

// append writes a handshake behind dst. It reports false, and returns dst as it
// was, where the handshake holds what it does not know.
func (w *handshakeWriter) append(dst []byte, h *socket.Handshake, host string) (_ []byte, ok bool) {
	b := append(dst, `{"address":`...)
	b = jsontext.AppendQuotedHTML(b, withoutPort(h.Address))
	b = append(b, `,"auth":`...)
	if b, ok = appendObject(b, h.Auth, maxPlainDepth); !ok {
		return dst, false
	}
	b = append(b, `,"headers":`...)
	if b, ok = w.appendHeaders(b, h.Headers, host); !ok {
		return dst, false
	}
	b = append(b, `,"issued":`...)
	b = strconv.AppendInt(b, h.Issued, 10)
	b = append(b, `,"query":`...)
	if b, ok = w.appendQuery(b, h.Query); !ok {
		return dst, false
	}
	b = append(b, `,"secure":`...)
	b = strconv.AppendBool(b, h.Secure)
	b = append(b, `,"time":`...)
	b = jsontext.AppendQuotedHTML(b, h.Time)
	b = append(b, `,"url":`...)
	b = jsontext.AppendQuotedHTML(b, h.Url)
	b = append(b, `,"xdomain":`...)
	b = strconv.AppendBool(b, h.Xdomain)
	return append(b, '}'), true
}

// appendHeaders writes names in lower case, and one text each.
func (w *handshakeWriter) appendHeaders(b []byte, headers map[string]any, host string) (_ []byte, ok bool) {
	w.members = w.members[:0]
	for name, value := range headers {
		name = w.toLower(name)
		if name == "host" {
			host = ""
		}
		w.members = append(w.members, entry{name, value})
	}
	if host != "" {
		w.members = append(w.members, entry{"host", host})
	}
	if !w.sort() {
		return b, false
	}
	return w.appendMembers(b, appendHeader)
}

// appendQuery writes one text, or a list of them, for each name.
func (w *handshakeWriter) appendQuery(b []byte, query map[string]any) (_ []byte, ok bool) {
	w.members = w.members[:0]
	for name, value := range query {
		w.members = append(w.members, entry{name, value})
	}
	w.sort()
	return w.appendMembers(b, appendParameter)
}

// sort sorts the members, and reports whether each has a name of its own.
func (w *handshakeWriter) sort() bool {
	slices.SortFunc(w.members, func(x, y entry) int { return cmp.Compare(x.name, y.name) })
	for i := 1; i < len(w.members); i++ {
		if w.members[i-1].name == w.members[i].name {
			return false
		}
	}
	return true
}

func (w *handshakeWriter) appendMembers(b []byte, appendValue func([]byte, *entry) ([]byte, bool)) (_ []byte, ok bool) {
	b = append(b, '{')
	for i := range w.members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(jsontext.AppendQuotedHTML(b, w.members[i].name), ':')
		if b, ok = appendValue(b, &w.members[i]); !ok {
			return b, false
		}
	}
	return append(b, '}'), true
}

// toLower remembers the names, which are the same for most sockets.
func (w *handshakeWriter) toLower(name string) string {
	lower, ok := w.lower[name]
	if !ok {
		if w.lower == nil {
			w.lower = map[string]string{}
		}
		lower = strings.ToLower(name)
		w.lower[name] = lower
	}
	return lower
}

func appendHeader(b []byte, m *entry) (_ []byte, ok bool) {
	switch value := m.value.(type) {
	case string:
		return jsontext.AppendQuotedHTML(b, value), true
	case []string:
		b = append(b, '"')
		for i, part := range value {
			if i > 0 {
				b = append(b, separatorOf(m.name)...)
			}
			b = jsontext.AppendEscapedHTML(b, part)
		}
		return append(b, '"'), true
	}
	return b, false
}

func appendParameter(b []byte, m *entry) (_ []byte, ok bool) {
	switch value := m.value.(type) {
	case string:
		return jsontext.AppendQuotedHTML(b, value), true
	case []string:
		if value == nil {
			return append(b, "null"...), true
		}
		if len(value) == 1 {
			return jsontext.AppendQuotedHTML(b, value[0]), true
		}
		b = append(b, '[')
		for i, part := range value {
			if i > 0 {
				b = append(b, ',')
			}
			b = jsontext.AppendQuotedHTML(b, part)
		}
		return append(b, ']'), true
	}
	return b, false
}

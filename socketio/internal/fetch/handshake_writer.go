package fetch

import (
	"strconv"
	"strings"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/jsonscan"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// handshakeWriter writes the same bytes as encodeHandshake, many times as fast. It knows
// only ordinary handshakes: headers and query of strings and lists of strings, and an auth
// of plain JSON values. The caller uses encodeHandshake for all others. The zero value is
// ready, for one goroutine.
type handshakeWriter struct {
	headers, query keyCache
}

// append appends a handshake to dst. If the handshake is not an ordinary one, it returns
// dst unchanged, and false.
func (w *handshakeWriter) append(dst []byte, h *socket.Handshake, host string) (_ []byte, ok bool) {
	b := append(dst, `{"address":`...)
	b = jsonscan.AppendQuotedHTML(b, withoutPort(h.Address))
	b = append(b, `,"auth":`...)
	b, attachments, err := siovalue.Append(b, h.Auth, siovalue.Options{KeepReaders: true})
	if err != nil || len(attachments) > 0 {
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
	b = jsonscan.AppendQuotedHTML(b, h.Time)
	b = append(b, `,"url":`...)
	b = jsonscan.AppendQuotedHTML(b, h.Url)
	b = append(b, `,"xdomain":`...)
	b = strconv.AppendBool(b, h.Xdomain)
	return append(b, '}'), true
}

// appendHeaders writes header names in lower case, with one string each.
func (w *handshakeWriter) appendHeaders(b []byte, headers map[string]any, host string) (_ []byte, ok bool) {
	if !w.headers.refill(headers) && !w.headers.replace(headers, strings.ToLower) {
		return b, false
	}
	hostDue := host != ""
	b = append(b, '{')
	for i := range w.headers.list {
		n := &w.headers.list[i]
		if hostDue && n.written >= "host" {
			if hostDue = false; n.written != "host" {
				b = append(appendHost(b, host), ',')
			}
		}
		if b, ok = appendHeader(append(b, n.quoted...), n.written, n.value); !ok {
			return b, false
		}
		b = append(b, ',')
	}
	if hostDue {
		b = append(appendHost(b, host), ',')
	}
	return closeObject(b), true
}

func appendHost(b []byte, host string) []byte {
	return jsonscan.AppendQuotedHTML(append(b, `"host":`...), host)
}

// appendQuery writes a string, or a list of strings, for each name.
func (w *handshakeWriter) appendQuery(b []byte, query map[string]any) (_ []byte, ok bool) {
	if !w.query.refill(query) {
		w.query.replace(query, func(name string) string { return name })
	}
	b = append(b, '{')
	for i := range w.query.list {
		n := &w.query.list[i]
		if b, ok = appendParameter(append(b, n.quoted...), n.value); !ok {
			return b, false
		}
		b = append(b, ',')
	}
	return closeObject(b), true
}

// closeObject replaces the comma behind the last member with the end of the object.
func closeObject(b []byte) []byte {
	if last := len(b) - 1; b[last] == ',' {
		b[last] = '}'
		return b
	}
	return append(b, '}')
}

func appendHeader(b []byte, name string, value any) (_ []byte, ok bool) {
	switch value := value.(type) {
	case string:
		return jsonscan.AppendQuotedHTML(b, value), true
	case []string:
		b = append(b, '"')
		for i, part := range value {
			if i > 0 {
				b = append(b, separatorOf(name)...)
			}
			b = jsonscan.AppendEscapedHTML(b, part)
		}
		return append(b, '"'), true
	}
	return b, false
}

func appendParameter(b []byte, value any) (_ []byte, ok bool) {
	switch value := value.(type) {
	case string:
		return jsonscan.AppendQuotedHTML(b, value), true
	case []string:
		if value == nil {
			return append(b, "null"...), true
		}
		if len(value) == 1 {
			return jsonscan.AppendQuotedHTML(b, value[0]), true
		}
		b = append(b, '[')
		for i, part := range value {
			if i > 0 {
				b = append(b, ',')
			}
			b = jsonscan.AppendQuotedHTML(b, part)
		}
		return append(b, ']'), true
	}
	return b, false
}

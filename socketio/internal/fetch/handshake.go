package fetch

import (
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// encodeHandshake gives a handshake the reference's shape (docs/reference-protocol.md,
// section 5): headers with lower-case names and one text each, host among them; query
// members that are a text or a list of texts; an address without a port.
func encodeHandshake(h *socket.Handshake, host string) (core.Payload, error) {
	headers := make(map[string]any, len(h.Headers)+1)
	if host != "" {
		headers["host"] = host
	}
	for name, value := range h.Headers {
		name = strings.ToLower(name)
		headers[name] = headerText(name, value)
	}
	query := make(map[string]any, len(h.Query))
	for name, value := range h.Query {
		query[name] = queryValue(value)
	}
	auth := h.Auth
	if auth == nil {
		auth = map[string]any{}
	}
	p, err := siovalue.Encode(map[string]any{
		"headers": headers,
		"time":    h.Time,
		"address": withoutPort(h.Address),
		"xdomain": h.Xdomain,
		"secure":  h.Secure,
		"issued":  h.Issued,
		"url":     h.Url,
		"query":   query,
		"auth":    auth,
	}, siovalue.Options{KeepReaders: true})
	if err != nil {
		return core.Payload{}, encodeError("handshake", err)
	}
	return p, nil
}

func headerText(name string, value any) any {
	if values, ok := value.([]string); ok {
		return strings.Join(values, separatorOf(name))
	}
	return value
}

// separatorOf returns the separator between the values of a header.
func separatorOf(name string) string {
	if name == "cookie" {
		return "; "
	}
	return ", "
}

func withoutPort(address string) string {
	if ip, _, err := net.SplitHostPort(address); err == nil {
		return ip
	}
	return address
}

func queryValue(value any) any {
	if values, ok := value.([]string); ok && len(values) == 1 {
		return values[0]
	}
	return value
}

// description is the decoded handshake of another server's socket; [copier] makes copies of
// it for callers. Header names and the time have Go's form.
type description struct {
	rest                 socket.Handshake // without headers, query and auth
	headers, query, auth []parameter
}

// decodeHandshake decodes a handshake of another server. Members that are missing or of
// another type stay zero; so does an auth that is not an object, which the library's type
// cannot hold.
func decodeHandshake(p core.Payload) (*description, error) {
	value, err := siovalue.Decode(p, siovalue.AsBuffer)
	if err != nil {
		return &description{}, err
	}
	members, _ := value.(map[string]any)
	issued, _ := members["issued"].(float64)
	return &description{
		headers: parameters(field[map[string]any](members, "headers"), http.CanonicalHeaderKey),
		query:   parameters(field[map[string]any](members, "query"), nil),
		auth:    parameters(field[map[string]any](members, "auth"), nil),
		rest: socket.Handshake{
			Time:    goTime(field[string](members, "time")),
			Address: field[string](members, "address"),
			Xdomain: field[bool](members, "xdomain"),
			Secure:  field[bool](members, "secure"),
			Issued:  int64(issued),
			Url:     field[string](members, "url"),
		},
	}, nil
}

// parameters lists members sorted by name. If nameOf maps several members to the same name,
// the last one wins.
func parameters(members map[string]any, nameOf func(string) string) []parameter {
	var list []parameter
	for _, name := range slices.Sorted(maps.Keys(members)) {
		value := members[name]
		if nameOf != nil {
			name = nameOf(name)
		}
		list = append(list, parameter{name, value})
	}
	return list
}

// goTime converts a time that a reference peer has written as JavaScript does, "Mon Nov 23
// 2026 16:09:39 GMT+0000 (Coordinated Universal Time)", to the library's form.
func goTime(text string) string {
	if len(text) < 4 || text[3] != ' ' {
		return text
	}
	date, _, _ := strings.Cut(text, " (")
	if t, err := time.Parse("Mon Jan 02 2006 15:04:05 GMT-0700", date); err == nil {
		return t.Format(time.RFC3339)
	}
	return text
}

func field[T any](members map[string]any, name string) T {
	value, _ := members[name].(T)
	return value
}

package socketio

import (
	"strings"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// encodeHandshake gives a handshake the reference's shape (WIRE.md, section 5):
// headers with lower-case names and one text each, query members that are a text
// or several.
func encodeHandshake(h *socket.Handshake) (core.Payload, error) {
	headers := make(map[string]any, len(h.Headers))
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
	return encodeValue(map[string]any{
		"headers": headers,
		"time":    h.Time,
		"address": h.Address,
		"xdomain": h.Xdomain,
		"secure":  h.Secure,
		"issued":  h.Issued,
		"url":     h.Url,
		"query":   query,
		"auth":    keep(auth),
	})
}

func headerText(name string, value any) any {
	values, ok := value.([]string)
	switch {
	case !ok:
		return value
	case name == "cookie":
		return strings.Join(values, "; ")
	default:
		return strings.Join(values, ", ")
	}
}

func queryValue(value any) any {
	if values, ok := value.([]string); ok && len(values) == 1 {
		return values[0]
	}
	return value
}

// decodeHandshake reads a handshake of another server. Headers and query stay as
// the JSON has them: texts, or arrays of texts. What is missing or of another
// type stays zero; so does an auth that is not an object, for which the library's
// type has no room.
func decodeHandshake(p core.Payload) (*socket.Handshake, error) {
	value, err := decodeValue(p, asBuffer)
	if err != nil {
		return &socket.Handshake{}, err
	}
	members, _ := value.(map[string]any)
	issued, _ := members["issued"].(float64)
	return &socket.Handshake{
		Headers: member[map[string]any](members, "headers"),
		Time:    member[string](members, "time"),
		Address: member[string](members, "address"),
		Xdomain: member[bool](members, "xdomain"),
		Secure:  member[bool](members, "secure"),
		Issued:  int64(issued),
		Url:     member[string](members, "url"),
		Query:   member[map[string]any](members, "query"),
		Auth:    member[map[string]any](members, "auth"),
	}, nil
}

func member[T any](members map[string]any, name string) T {
	value, _ := members[name].(T)
	return value
}

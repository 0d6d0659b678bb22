package socketio

import (
	"net"
	"strings"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// encodeHandshake gives a handshake the reference's shape (docs/reference-protocol.md, section 5):
// headers with lower-case names and one text each, host among them; query members
// that are a text or several; an address without a port.
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
	return encodeValue("handshake", map[string]any{
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
}

func headerText(name string, value any) any {
	if values, ok := value.([]string); ok {
		return strings.Join(values, separatorOf(name))
	}
	return value
}

// separatorOf is what stands between the values of a header.
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
		Headers: field[map[string]any](members, "headers"),
		Time:    field[string](members, "time"),
		Address: field[string](members, "address"),
		Xdomain: field[bool](members, "xdomain"),
		Secure:  field[bool](members, "secure"),
		Issued:  int64(issued),
		Url:     field[string](members, "url"),
		Query:   field[map[string]any](members, "query"),
		Auth:    field[map[string]any](members, "auth"),
	}, nil
}

func field[T any](members map[string]any, name string) T {
	value, _ := members[name].(T)
	return value
}

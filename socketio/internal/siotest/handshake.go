package siotest

import (
	"fmt"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Browser returns a handshake as browsers make them; i makes it differ from others.
func Browser(i int) *socket.Handshake {
	return &socket.Handshake{
		Headers: types.IncomingHttpHeaders{
			"Accept-Encoding":          []string{"gzip, deflate, br, zstd"},
			"Accept-Language":          []string{"en-US,en;q=0.9"},
			"Cache-Control":            []string{"no-cache"},
			"Connection":               []string{"Upgrade"},
			"Cookie":                   []string{fmt.Sprintf("session=%016x", i), "theme=dark"},
			"Origin":                   []string{"https://chat.example.org"},
			"Pragma":                   []string{"no-cache"},
			"Sec-Websocket-Extensions": []string{"permessage-deflate; client_max_window_bits"},
			"Sec-Websocket-Key":        []string{fmt.Sprintf("%022d==", i)},
			"Sec-Websocket-Version":    []string{"13"},
			"Upgrade":                  []string{"websocket"},
			"User-Agent":               []string{fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", 138+i%3)},
		},
		Time:    "2026-11-24T10:29:39Z",
		Address: fmt.Sprintf("203.0.113.%d:%d", i%256, 1024+i),
		Xdomain: true,
		Issued:  1795450179336 + int64(i),
		Url:     "/socket.io/?EIO=4&transport=websocket",
		Query:   types.ParsedUrlQuery{"EIO": []string{"4"}, "transport": []string{"websocket"}},
		Auth:    map[string]any{"token": fmt.Sprintf("%032x", i)},
	}
}

// Spoil changes everything in a handshake.
func Spoil(h *socket.Handshake) {
	for _, object := range []map[string]any{h.Headers, h.Query, h.Auth} {
		SpoilValue(object)
	}
	*h = socket.Handshake{}
}

// SpoilValue changes all lists and maps in a value.
func SpoilValue(value any) {
	switch v := value.(type) {
	case []string:
		for i := range v {
			v[i] = "spoilt"
		}
	case []any:
		for i := range v {
			SpoilValue(v[i])
			v[i] = "spoilt"
		}
	case map[string]any:
		for name := range v {
			SpoilValue(v[name])
			delete(v, name)
		}
		if v != nil {
			v["spoilt"] = true
		}
	}
}

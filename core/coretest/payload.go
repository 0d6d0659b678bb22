package coretest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/socketmesh/mesh/core"
)

// Event returns the payload of an event: [name, args…]. Arguments that are []byte become
// attachments; all others must be types that encoding/json supports.
func Event(name string, args ...any) core.Payload {
	return encode(append([]any{name}, args...))
}

// Value returns the payload of one value, as in an acknowledgement.
func Value(v any) core.Payload { return encode(v) }

func encode(v any) core.Payload {
	var attachments [][]byte
	place := func(v any) any {
		b, ok := v.([]byte)
		if !ok {
			return v
		}
		attachments = append(attachments, b)
		return map[string]any{"_placeholder": true, "num": len(attachments) - 1}
	}
	if list, ok := v.([]any); ok {
		for i := range list {
			list[i] = place(list[i])
		}
	}
	text, err := json.Marshal(place(v))
	if err != nil {
		panic(fmt.Sprintf("coretest: payload %v: %v", v, err))
	}
	return core.Payload{Text: text, Attachments: attachments}
}

// Texts returns the payloads' texts.
func Texts(payloads []core.Payload) []string {
	texts := make([]string, len(payloads))
	for i, p := range payloads {
		texts[i] = string(p.Text)
	}
	return texts
}

// Numbered returns the n-th message of a sender, with so many bytes of padding.
func Numbered(sender string, n, padding int) core.Payload {
	return core.Payload{Text: fmt.Appendf(nil, `["n","%s",%d,"%s"]`, sender, n, strings.Repeat("x", padding))}
}

// NumberOf returns the sender and the number of a message of [Numbered].
func NumberOf(p core.Payload) (sender string, n int, ok bool) {
	rest, ok := bytes.CutPrefix(p.Text, []byte(`["n","`))
	if !ok {
		return "", 0, false
	}
	from, rest, _ := bytes.Cut(rest, []byte(`",`))
	number, _, _ := bytes.Cut(rest, []byte(","))
	n, err := strconv.Atoi(string(number))
	return string(from), n, err == nil
}

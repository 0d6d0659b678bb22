package proto

import (
	"bytes"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/socketmesh/mesh/core"
)

// wire encodes a message from tags, each followed by its value: a string, a message, or
// a number.
func wire(fields ...any) (b []byte) {
	for i := 0; i < len(fields); i += 2 {
		b = protowire.AppendVarint(b, uint64(fields[i].(int)))
		switch v := fields[i+1].(type) {
		case string:
			b = protowire.AppendString(b, v)
		case []byte:
			b = protowire.AppendBytes(b, v)
		case int:
			b = protowire.AppendVarint(b, uint64(v))
		default:
			panic("no form")
		}
	}
	return b
}

// behind appends fields to those that every message has.
func behind(kind core.Kind, fields ...any) []byte {
	head := wire(messageKind, int(kind), messageFrom, "a", messageNamespace, "/")
	return append(head, wire(fields...)...)
}

func event(text string, attachments ...string) []byte {
	b := wire(payloadText, text)
	for _, a := range attachments {
		b = append(b, wire(payloadAttachments, a)...)
	}
	return b
}

// groups are depth groups in each other, of an unknown field.
func groups(depth int) []byte {
	return append(bytes.Repeat([]byte{12<<3 | 3}, depth), bytes.Repeat([]byte{12<<3 | 4}, depth)...)
}

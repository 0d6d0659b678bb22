package link

import (
	"bytes"
	"fmt"

	"github.com/socketmesh/mesh/core"
)

// plain is the least that a codec can be: it carries broadcasts to all clients, and the
// messages of the link itself, unencoded. It shows the cost of a link without a codec.
type plain struct{}

var _ core.Codec = (*plain)(nil)

func (*plain) Name() string { return "plain" }

// Append writes the kind, the sender with its length in front, and the text.
func (*plain) Append(dst []byte, m *core.Message) ([]byte, error) {
	dst = append(dst, byte(m.Kind), byte(len(m.From)))
	dst = append(dst, m.From...)
	return append(dst, m.Payload.Text...), nil
}

func (*plain) Decode(src []byte, m *core.Message) error {
	if len(src) < 2 || len(src) < 2+int(src[1]) {
		return fmt.Errorf("plain: decode: %w", core.ErrMalformed)
	}
	from, text := src[2:2+src[1]], src[2+src[1]:]
	*m = core.Message{Kind: core.Kind(src[0]), From: string(from), Namespace: namespace, Payload: core.Payload{Text: bytes.Clone(text)}}
	return nil
}

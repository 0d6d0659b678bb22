package sioparser

import (
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/log"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/siovalue"
)

// Encoder encodes packets for clients in the library's format, with values as [siovalue]
// writes them. A packet that cannot be encoded has no frames, so that nothing is sent; the
// library's encoder would leave the values out and send the rest, which clients cannot
// decode. The zero Encoder is ready.
type Encoder struct {
	refused atomic.Pointer[func(p *parser.Packet, err *siovalue.Error)]
}

var _ parser.Encoder = (*Encoder)(nil)

// OnRefused sets the function that is called for packets that cannot be encoded.
func (e *Encoder) OnRefused(fn func(p *parser.Packet, err *siovalue.Error)) { e.refused.Store(&fn) }

// texts are buffers in which texts are written. A finished text is copied, so that only
// memory of the right size is kept while a client receives it.
var texts = sync.Pool{New: func() any { return new([]byte) }}

// maxText is the largest buffer that is reused, so that rare large ones do not stay.
const maxText = 64 << 10

// Encode returns the packet's frames: its header with the text, and the attachments.
func (e *Encoder) Encode(p *parser.Packet) []types.BufferInterface {
	buf := texts.Get().(*[]byte)
	defer texts.Put(buf)
	text, attachments, err := e.text((*buf)[:0], p)
	if cap(text) <= maxText {
		*buf = text
	}
	if err != nil {
		if refused := e.refused.Load(); refused != nil {
			(*refused)(p, err)
		}
		if p.Type != parser.CONNECT_ERROR {
			return nil
		}
		text = appendRefusal(text[:0], p.Data) // a client must learn that it is refused
	}
	frames := make([]types.BufferInterface, 1, 1+len(attachments))
	frames[0] = types.NewStringBuffer(append(header(p, len(attachments), len(text)), text...))
	for _, a := range attachments {
		frames = append(frames, types.NewBytesBuffer(a))
	}
	if log.DEBUG.Load() {
		parserLog.Debug("encoded %v as %v", p, frames)
	}
	return frames
}

// text writes the packet's data.
func (e *Encoder) text(dst []byte, p *parser.Packet) ([]byte, [][]byte, *siovalue.Error) {
	if p.Data == nil {
		return dst, nil, nil
	}
	data := p.Data
	if p.Type == parser.CONNECT_ERROR {
		data = withoutNoData(data)
	}
	text, attachments, err := siovalue.Append(dst, data, siovalue.Options{NoAttachments: p.Type != parser.EVENT && p.Type != parser.ACK})
	return text, attachments, err
}

// withoutNoData removes the data of a refusal if it is nil, as Node does; the library would
// send null.
func withoutNoData(refusal any) any {
	members, _ := refusal.(map[string]any)
	if data, ok := members["data"]; ok && data == nil && len(members) == 2 {
		return map[string]any{"message": members["message"]}
	}
	return refusal
}

// appendRefusal writes a refusal without its data, which cannot be encoded.
func appendRefusal(dst []byte, data any) []byte {
	members, _ := data.(map[string]any)
	message, _ := members["message"].(string)
	dst, _, _ = siovalue.Append(dst, map[string]any{"message": message}, siovalue.Options{})
	return dst
}

// header writes what precedes the text: the packet's type, for binary packets the number of
// attachments and "-", the namespace and "," unless it is the main one, and the id if there
// is one. The result has the capacity for a text of so many bytes.
func header(p *parser.Packet, attachments, text int) []byte {
	b := make([]byte, 0, 1+20+1+len(p.Nsp)+1+20+text)
	kind := p.Type
	if attachments > 0 {
		switch kind {
		case parser.EVENT:
			kind = parser.BINARY_EVENT
		case parser.ACK:
			kind = parser.BINARY_ACK
		}
	}
	b = append(b, byte(kind)+'0')
	switch {
	case attachments > 0:
		b = append(strconv.AppendInt(b, int64(attachments), 10), '-')
	case p.Attachments != nil && (kind == parser.BINARY_EVENT || kind == parser.BINARY_ACK):
		b = append(strconv.AppendUint(b, *p.Attachments, 10), '-')
	}
	if p.Nsp != "" && p.Nsp != "/" {
		b = append(append(b, p.Nsp...), ',')
	}
	if p.Id != nil {
		b = strconv.AppendUint(b, *p.Id, 10)
	}
	return b
}

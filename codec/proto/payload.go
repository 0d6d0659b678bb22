package proto

import (
	"bytes"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/listbounds"
)

// appendPayload appends a payload, unless it has no value. It computes the length
// beforehand, because moving a large payload is slow.
func appendPayload(b []byte, tag byte, p core.Payload) []byte {
	if p.IsZero() {
		return b
	}
	const tagSize = 1
	size := tagSize + protowire.SizeBytes(len(p.Text))
	for _, a := range p.Attachments {
		size += tagSize + protowire.SizeBytes(len(a))
	}
	b = appendLength(append(b, tag), size)
	b = appendBytes(b, payloadText, p.Text)
	for _, a := range p.Attachments {
		b = appendBytes(b, payloadAttachments, a)
	}
	return b
}

// readPayload reads the text and the attachments as parts of one copy.
func readPayload(src []byte, p *core.Payload, used *listbounds.Used) error {
	r := reader{src: bytes.Clone(src)}
	for {
		f, ok, err := r.next()
		if !ok || err != nil {
			return err
		}
		switch f.tag {
		case payloadText:
			p.Text = slices.Clip(f.bytes)
		case payloadAttachments:
			if err := used.Attachments(1); err != nil {
				return err
			}
			if p.Attachments == nil {
				p.Attachments = make([][]byte, 0, 1+min(r.count(payloadAttachments), core.MaxAttachments))
			}
			p.Attachments = append(p.Attachments, slices.Clip(f.bytes))
		}
	}
}

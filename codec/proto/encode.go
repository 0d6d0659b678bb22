package proto

import (
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/socketmesh/mesh/core"
)

// appendMessage writes the fields in the order of their numbers, as the generated
// code does.
func appendMessage(b []byte, m *core.Message) []byte {
	b = appendUint(b, messageKind, uint64(m.Kind))
	b = appendString(b, messageFrom, m.From)
	b = appendString(b, messageNamespace, m.Namespace)
	b = appendString(b, messageRequestID, m.RequestID)
	b = appendTarget(b, &m.To)
	b = appendPayload(b, messagePayload, m.Payload)
	b = appendStrings(b, messageRooms, m.Rooms)
	b = appendBool(b, messageClose, m.Close)
	b = appendBool(b, messageBrief, m.Brief)
	b = appendUint(b, messageCount, uint64(m.Count))
	for i := range m.Sockets {
		b = appendSocket(b, &m.Sockets[i])
	}
	return b
}

// appendTarget writes a target, unless nothing is set in it.
func appendTarget(b []byte, to *core.Target) []byte {
	before := b
	b, start := begin(b, messageTo)
	b = appendStrings(b, targetRooms, to.Rooms)
	b = appendStrings(b, targetExcept, to.Except)
	b = appendFlags(b, to.Flags)
	if len(b) == start {
		return before
	}
	return end(b, start)
}

// appendFlags writes flags, unless none is set. Local never leaves a server.
func appendFlags(b []byte, f core.Flags) []byte {
	f.Local = false
	if f == (core.Flags{}) {
		return b
	}
	b, start := begin(b, targetFlags)
	b = appendBool(b, flagsVolatile, f.Volatile)
	if f.Compress != core.CompressUnset {
		b = protowire.AppendVarint(b, flagsCompress)
		b = protowire.AppendVarint(b, protowire.EncodeBool(f.Compress == core.CompressOn))
	}
	b = appendBool(b, flagsExpectSingleResponse, f.ExpectSingleResponse)
	b = appendUint(b, flagsTimeout, milliseconds(f.Timeout))
	return end(b, start)
}

// milliseconds rounds up; what is no time to wait is 0.
func milliseconds(d time.Duration) uint64 {
	ms := d.Milliseconds()
	if d%time.Millisecond > 0 {
		ms++
	}
	return uint64(max(ms, 0))
}

// appendPayload writes a payload, unless it is no value. Its length is reckoned
// beforehand: it may be large, and should not move.
func appendPayload(b []byte, tag uint64, p core.Payload) []byte {
	if p.IsZero() {
		return b
	}
	const tagSize = 1
	size := tagSize + protowire.SizeBytes(len(p.Text))
	for _, a := range p.Attachments {
		size += tagSize + protowire.SizeBytes(len(a))
	}
	b = protowire.AppendVarint(b, tag)
	b = protowire.AppendVarint(b, uint64(size))
	b = protowire.AppendBytes(protowire.AppendVarint(b, payloadText), p.Text)
	for _, a := range p.Attachments {
		b = protowire.AppendBytes(protowire.AppendVarint(b, payloadAttachments), a)
	}
	return b
}

func appendSocket(b []byte, s *core.Socket) []byte {
	b, start := begin(b, messageSockets)
	b = appendString(b, socketID, s.ID)
	b = appendStrings(b, socketRooms, s.Rooms)
	b = appendPayload(b, socketHandshake, s.Handshake)
	b = appendPayload(b, socketData, s.Data)
	return end(b, start)
}

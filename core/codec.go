package core

import "github.com/socketmesh/mesh/internal/listbounds"

// Codec turns a [Message] into bytes and back.
//
// A Codec is stateless: all methods are safe for concurrent use. It never panics,
// whatever the input.
type Codec interface {
	// Name is the codec's name in configuration and handshakes: lower-case,
	// constant, unique among the codecs of a node.
	Name() string

	// Append appends the encoded m to dst and returns the extended slice, as append does.
	// It does not modify or retain m. These fields are not encoded as they are: Local is
	// left out; Timeout is rounded up to whole milliseconds, or left out if it is
	// negative; in strings, each byte that is not UTF-8 becomes U+FFFD; Trace may be left
	// out. On error Append returns dst unchanged. [ErrUnsupported] means that the codec
	// cannot represent m (such as a Go-only kind in the reference's codec); any other
	// error means that a payload violates the rules of [Payload].
	Append(dst []byte, m *Message) ([]byte, error)

	// Decode overwrites all of m with the message in src. The result never aliases src. A
	// message that Decode returns without an error is well-formed (see
	// [Message.Validate]): its kind is known, the fields that the kind needs are set,
	// every payload's text is valid JSON and its placeholders are in range. Malformed
	// input is an error that wraps [ErrMalformed], and an unknown kind one that wraps
	// [ErrUnsupported]; m is undefined then. Unknown fields are ignored, so that newer
	// nodes can be understood. Memory use is proportional to len(src), and lists have at
	// most [MaxSockets], [MaxRoomNames] and [MaxAttachments] elements.
	Decode(src []byte, m *Message) error
}

// The maximum number of elements in the lists of one message, counted together for each
// sort of list. A message with more is malformed: no server needs so many, and elements
// take many times as much memory as they take bytes in a frame.
const (
	MaxSockets     = listbounds.MaxSockets
	MaxRoomNames   = listbounds.MaxRoomNames // of the target, of the message, and of its sockets
	MaxAttachments = listbounds.MaxAttachments
)

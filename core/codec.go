package core

import "github.com/socketmesh/mesh/internal/listbounds"

// Codec turns a [Message] into bytes and back.
//
// A Codec is stateless: all methods may be called by any number of goroutines
// at once. It never panics, whatever the input.
type Codec interface {
	// Name is the codec's name in configuration and handshakes: lower-case,
	// constant, unique among the codecs of a node.
	Name() string

	// Append encodes m behind dst and returns the extended slice, as append
	// does. It does not modify or retain m. Two flags do not go as they are:
	// Local is left out, and Timeout is rounded up to whole milliseconds, or left
	// out if it is negative; and of a string, each byte that is not UTF-8 goes as
	// U+FFFD. A Trace may be left out. On error it returns dst as it was.
	// [ErrUnsupported] means that the codec has no form for m (a Go-only kind in
	// the reference's codec); any other error that the payload is not what
	// [Payload] promises.
	Append(dst []byte, m *Message) ([]byte, error)

	// Decode overwrites m, all of it, with what src says. The result never
	// aliases src. What it returns without error is well-formed: the kind is
	// known, the fields that kind needs are there, every payload's text is valid
	// JSON and its placeholders are in range ([Message.Validate] tells). Bad
	// input is an error that wraps [ErrMalformed], and an unknown kind one that
	// wraps [ErrUnsupported]; m is then undefined. Unknown members are ignored,
	// so that newer nodes can be understood. Memory taken is proportional to
	// len(src), and lists have at most [MaxSockets], [MaxRoomNames] and [MaxAttachments].
	Decode(src []byte, m *Message) error
}

// What the lists of one message have at most, all of a kind together. More is malformed:
// no server has as much, and in memory it takes many times what it takes in a frame.
const (
	MaxSockets     = listbounds.MaxSockets
	MaxRoomNames   = listbounds.MaxRoomNames // of the target, the message, and its sockets
	MaxAttachments = listbounds.MaxAttachments
)

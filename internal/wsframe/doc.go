// Package wsframe writes and reads the frames of WebSockets (RFC 6455, and
// permessage-deflate without context takeover, RFC 7692), in memory only: it does not use
// connections.
package wsframe

import "errors"

// Opcode is a frame's kind.
type Opcode byte

// The opcodes of RFC 6455.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

const (
	finalBit     = 0x80
	deflateBit   = 0x40
	reservedBits = 0x30
	maskBit      = 0x80

	// MaxControl is the longest payload of a Close, Ping or Pong.
	MaxControl = 125
)

var (
	// ErrProtocol: the peer sent what RFC 6455 does not allow.
	ErrProtocol = errors.New("websocket: protocol violated")
	// ErrNotUTF8: a text message, or the reason of a Close frame, is not UTF-8.
	ErrNotUTF8 = errors.New("websocket: text is not UTF-8")
	// ErrTooLarge: a message is longer than the reader's limit.
	ErrTooLarge = errors.New("websocket: message too large")
)

// Control reports whether it is a Close, Ping or Pong.
func (o Opcode) Control() bool { return o >= Close }

package wsframe

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Codes of Close frames (RFC 6455, section 7.4.1).
const (
	CodeProtocolError = 1002
	CodeNone          = 1005 // stands for a frame without a code; never sent
	CodeTooLarge      = 1009
)

// NewClose returns a server's Close frame with a status code; 0 for none.
func NewClose(code uint16) []byte {
	if code == 0 {
		return New(Close, nil)
	}
	return New(Close, binary.BigEndian.AppendUint16(nil, code))
}

// ReadClose reads the payload of a Close frame. Codes that are not to be sent,
// half a code, and a text that is not UTF-8 are errors that wrap [ErrProtocol].
func ReadClose(payload []byte) (code uint16, text string, err error) {
	if len(payload) == 0 {
		return CodeNone, "", nil
	}
	if len(payload) == 1 {
		return 0, "", fmt.Errorf("%w: half a close code", ErrProtocol)
	}
	code = binary.BigEndian.Uint16(payload)
	switch {
	case !sent(code):
		return 0, "", fmt.Errorf("%w: close code %d", ErrProtocol, code)
	case !utf8.Valid(payload[2:]):
		return 0, "", fmt.Errorf("%w: close text that is not UTF-8", ErrProtocol)
	}
	return code, string(payload[2:]), nil
}

// sent tells whether a code may come over the network: those that are registered
// for that, and those of libraries and applications.
func sent(code uint16) bool {
	switch {
	case code >= 3000 && code <= 4999:
		return true
	case code >= 1000 && code <= 1014:
		return code != 1004 && code != CodeNone && code != 1006
	}
	return false
}

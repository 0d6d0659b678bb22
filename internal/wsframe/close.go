package wsframe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Codes of Close frames (RFC 6455, section 7.4.1).
const (
	CodeProtocolError = 1002
	CodeNone          = 1005 // stands for a frame without a code; never sent
	CodeNotUTF8       = 1007
	CodeTooLarge      = 1009
)

// CodeFor returns the code with which to close a connection after the error of a read; 0
// if err is none of this package's errors.
func CodeFor(err error) uint16 {
	switch {
	case errors.Is(err, ErrProtocol):
		return CodeProtocolError
	case errors.Is(err, ErrNotUTF8):
		return CodeNotUTF8
	case errors.Is(err, ErrTooLarge):
		return CodeTooLarge
	}
	return 0
}

// NewClose returns a server's Close frame with a status code; 0 for none.
func NewClose(code uint16) []byte {
	if code == 0 {
		return New(Close, nil)
	}
	return New(Close, binary.BigEndian.AppendUint16(nil, code))
}

// ReadClose reads the payload of a Close frame. A code that must not be sent and half
// a code are errors that wrap [ErrProtocol]; a reason that is not UTF-8 is one that
// wraps [ErrNotUTF8].
func ReadClose(payload []byte) (code uint16, reason string, err error) {
	if len(payload) == 0 {
		return CodeNone, "", nil
	}
	if len(payload) == 1 {
		return 0, "", fmt.Errorf("%w: half a close code", ErrProtocol)
	}
	code = binary.BigEndian.Uint16(payload)
	switch {
	case !MayBeSent(code):
		return 0, "", fmt.Errorf("%w: close code %d", ErrProtocol, code)
	case !utf8.Valid(payload[2:]):
		return 0, "", fmt.Errorf("%w: reason of close code %d", ErrNotUTF8, code)
	}
	return code, string(payload[2:]), nil
}

// MayBeSent reports whether a frame may contain a close code (RFC 6455, section 7.4, and
// IANA's registry): 1004 has no meaning, 1005, 1006 and 1015 are for reporting only,
// codes below 1000, between 1016 and 2999, and above 4999 are not assigned.
func MayBeSent(code uint16) bool {
	switch {
	case code >= 3000 && code <= 4999: // libraries and applications
		return true
	case code >= 1000 && code <= 1014:
		return code != 1004 && code != CodeNone && code != 1006
	}
	return false
}

package quic

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	quicgo "github.com/quic-go/quic-go"

	"github.com/socketmesh/mesh/core"
)

// maxCloseText is how long the text of a reason may be, in bytes, and maxGoodbye
// how long a goodbye.
const (
	maxCloseText = 123
	maxGoodbye   = 256
)

// The codes that a reason may have, and the one that stands for none of them
// (RFC 6455, section 7.4.1).
const (
	minCode  = 1000
	maxCode  = 4999
	noStatus = 1005
)

var (
	// noReason ends connections that have not been closed, but given up.
	noReason      = core.CloseReason{}
	closeTooLarge = core.CloseReason{Code: 1009, Text: "frame-too-large"}
)

// wellFormed is a reason as it can be told to a peer.
func wellFormed(reason core.CloseReason) core.CloseReason {
	if reason.Code < minCode || reason.Code > maxCode {
		return core.CloseReason{Code: noStatus}
	}
	text := strings.ToValidUTF8(reason.Text, "?")
	if len(text) > maxCloseText {
		end := maxCloseText
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	return core.CloseReason{Code: reason.Code, Text: text}
}

// applicationCode is a reason as QUIC closes connections.
func applicationCode(reason core.CloseReason) (quicgo.ApplicationErrorCode, string) {
	return quicgo.ApplicationErrorCode(reason.Code), reason.Text
}

// appendGoodbye appends the mark and the goodbye.
func appendGoodbye(dst []byte, reason core.CloseReason, used uint64) []byte {
	body := binary.AppendUvarint(nil, uint64(reason.Code))
	body = binary.AppendUvarint(body, used)
	body = binary.AppendUvarint(body, uint64(len(reason.Text)))
	body = append(body, reason.Text...)
	dst = append(dst, goodbyeMark)
	return append(appendSize(dst, len(body)), body...)
}

// parseGoodbye reads what follows the mark. Bytes behind the text are for later
// versions.
func parseGoodbye(body []byte) (_ *core.CloseError, used uint64, _ error) {
	var numbers [3]uint64
	for i := range numbers {
		value, n := binary.Uvarint(body)
		if n <= 0 {
			return nil, 0, fmt.Errorf("%w: goodbye", core.ErrMalformed)
		}
		numbers[i], body = value, body[n:]
	}
	code, used, length := numbers[0], numbers[1], numbers[2]
	if code < minCode || code > maxCode || length > uint64(len(body)) {
		return nil, 0, fmt.Errorf("%w: goodbye with code %d and %d bytes of text", core.ErrMalformed, code, length)
	}
	reason := wellFormed(core.CloseReason{Code: int(code), Text: string(body[:length])})
	return &core.CloseError{CloseReason: reason}, used, nil
}

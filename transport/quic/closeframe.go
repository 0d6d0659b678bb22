package quic

import (
	"encoding/binary"
	"fmt"

	quicgo "github.com/quic-go/quic-go"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/closetext"
)

// maxCloseFrame bounds a close frame, in bytes.
const maxCloseFrame = 256

// The codes that a reason may have, and the one that says that there is none
// (RFC 6455, section 7.4.1).
const (
	minCode  = 1000
	maxCode  = 4999
	noStatus = 1005
)

var (
	// noReason closes a QUIC connection without a reason: all frames and the peer's close
	// frame were read, or the connection has failed.
	noReason = core.CloseReason{}
)

// wellFormed returns the reason as it can be sent to a peer.
func wellFormed(reason core.CloseReason) core.CloseReason {
	if reason.Code < minCode || reason.Code > maxCode {
		return core.CloseReason{Code: noStatus}
	}
	return core.CloseReason{Code: reason.Code, Text: closetext.Trim(reason.Text)}
}

// applicationCode returns the arguments of CloseWithError for a reason.
func applicationCode(reason core.CloseReason) (quicgo.ApplicationErrorCode, string) {
	return quicgo.ApplicationErrorCode(reason.Code), reason.Text
}

// appendCloseFrame appends the mark and a close frame.
func appendCloseFrame(dst []byte, reason core.CloseReason, used uint64) []byte {
	body := binary.AppendUvarint(nil, uint64(reason.Code))
	body = binary.AppendUvarint(body, used)
	body = binary.AppendUvarint(body, uint64(len(reason.Text)))
	body = append(body, reason.Text...)
	dst = append(dst, closeMark)
	return append(appendSize(dst, len(body)), body...)
}

// parseCloseFrame reads the frame behind the mark. It ignores bytes behind the text,
// which later versions may send.
func parseCloseFrame(body []byte) (_ *core.CloseError, used uint64, _ error) {
	var numbers [3]uint64
	for i := range numbers {
		value, n := binary.Uvarint(body)
		if n <= 0 {
			return nil, 0, fmt.Errorf("%w: close frame", core.ErrMalformed)
		}
		numbers[i], body = value, body[n:]
	}
	code, used, length := numbers[0], numbers[1], numbers[2]
	if code < minCode || code > maxCode || length > uint64(len(body)) {
		return nil, 0, fmt.Errorf("%w: close frame with code %d and %d bytes of text", core.ErrMalformed, code, length)
	}
	reason := wellFormed(core.CloseReason{Code: int(code), Text: string(body[:length])})
	return &core.CloseError{CloseReason: reason}, used, nil
}

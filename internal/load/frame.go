package load

import (
	"errors"
	"fmt"

	"github.com/socketmesh/mesh/internal/wsframe"
)

// maxFrame limits the size of a server's frame, in bytes.
const maxFrame = 64 << 20

var errFrame = errors.New("bytes that are no WebSocket frame of a server")

// frame is one frame of a server. Its payload is part of the read buffer.
type frame struct {
	op      wsframe.Opcode
	final   bool
	payload []byte
}

// readFrame reads the frame at the beginning of b, and returns its length: 0 if it is not
// complete.
func readFrame(b []byte) (frame, int, error) {
	h, begin, err := wsframe.ReadHeader(b, false)
	switch {
	case err != nil:
		return frame{}, 0, fmt.Errorf("%w: %w", errFrame, err)
	case h.Deflated, h.Length > maxFrame: // compression was not negotiated
		return frame{}, 0, errFrame
	case begin == 0 || len(b)-begin < int(h.Length):
		return frame{}, 0, nil
	}
	end := begin + int(h.Length)
	return frame{op: h.Op, final: h.Final, payload: b[begin:end]}, end, nil
}

// appendFrame appends a frame of a client. Its mask is zero, which every server accepts
// and which costs nothing.
func appendFrame(dst []byte, op wsframe.Opcode, payload string) []byte {
	return append(wsframe.AppendMaskedHeader(dst, op, len(payload), 0), payload...)
}

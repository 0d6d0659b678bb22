package unix

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/socketmesh/mesh/core"
)

// A frame is its length in eight bytes, and itself. Where goodbye is the length,
// the code of a core.CloseReason in two bytes and its text follow, and nothing
// else.
const goodbye = ^uint64(0)

func write(out *bufio.Writer, length uint64, payload []byte) {
	out.Write(binary.BigEndian.AppendUint64(out.AvailableBuffer(), length))
	out.Write(payload)
}

func writeGoodbye(out *bufio.Writer, reason core.CloseReason) {
	write(out, goodbye, append(binary.BigEndian.AppendUint16(nil, uint16(reason.Code)), reason.Text...))
}

type reader struct {
	in    *bufio.Reader
	limit int
	frame bytes.Buffer
}

// next reads a frame, which is valid until the next call. The buffer grows with
// what arrives, not with what a length promises.
func (r *reader) next() ([]byte, error) {
	if r.frame.Reset(); r.frame.Cap() > 1<<20 {
		r.frame = bytes.Buffer{} // a giant does not stay
	}
	var header [8]byte
	if _, err := io.ReadFull(r.in, header[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint64(header[:])
	switch {
	case length == goodbye:
		return nil, r.goodbye()
	case length > uint64(r.limit):
		return nil, fmt.Errorf("%w: %d bytes", core.ErrTooLarge, length)
	}
	if _, err := io.CopyN(&r.frame, r.in, int64(length)); err != nil {
		return nil, err
	}
	return r.frame.Bytes(), nil
}

// goodbye reads the reason. The error behind it does not matter: it is the end of
// the stream, or a reset because this side sent something that nobody read.
func (r *reader) goodbye() error {
	io.CopyN(&r.frame, r.in, 2+123)
	reason := r.frame.Bytes()
	if len(reason) < 2 {
		return io.ErrUnexpectedEOF
	}
	code := int(binary.BigEndian.Uint16(reason))
	return &core.CloseError{CloseReason: core.CloseReason{Code: code, Text: string(reason[2:])}}
}

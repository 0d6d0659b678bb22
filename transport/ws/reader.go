package ws

import (
	"io"
	"slices"

	"github.com/gorilla/websocket"
)

// The buffer of a reader, in bytes: how small it begins, and how large it may be
// to be used again.
const (
	firstBuffer = 512
	keepBuffer  = 256 << 10
)

// reader gathers messages in a buffer of its own.
type reader struct {
	buf []byte
}

// next reads a message, which is valid until the next call. The buffer grows
// with what arrives, not with what a header promises.
func (r *reader) next(socket *websocket.Conn) ([]byte, error) {
	_, message, err := socket.NextReader()
	if err != nil {
		return nil, err
	}
	buf := r.buf[:0]
	if cap(buf) > keepBuffer {
		buf = make([]byte, 0, keepBuffer) // where large messages come, others do
	}
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, max(firstBuffer, len(buf)))
		}
		n, err := message.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			r.buf = buf
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

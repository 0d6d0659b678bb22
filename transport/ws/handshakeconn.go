package ws

import (
	"bytes"
	"errors"
	"net"
)

// maxResponse bounds the response to a handshake, in bytes.
const maxResponse = 64 << 10

var errResponseTooLong = errors.New("the response to the handshake is too long")

// handshakeConn is the connection that the library performs a dialler's handshake
// on. The library would read ahead into its own buffer and lose the frames that
// come right behind the response; so Read ends with the response's header, and
// keeps what it has read beyond in rest.
type handshakeConn struct {
	net.Conn
	remaining  int    // bytes of the response that may still be read
	lineLength int    // bytes read of the header's current line
	headerRead bool   // the whole header has been read
	rest       []byte // read, but behind the header
}

// Read returns bytes up to the end of the header. Later calls return what follows,
// which is the body of a response that is not an upgrade.
func (c *handshakeConn) Read(b []byte) (int, error) {
	if len(c.rest) > 0 {
		n := copy(b, c.rest)
		c.rest = c.rest[n:]
		return n, nil
	}
	if c.remaining == 0 {
		return 0, errResponseTooLong
	}
	n, err := c.Conn.Read(b[:min(len(b), c.remaining)])
	c.remaining -= n
	if end := c.headerEnd(b[:n]); end < n {
		c.rest = bytes.Clone(b[end:n])
		n = end
	}
	return n, err
}

// headerEnd returns how many of the bytes belong to the header, which ends with an
// empty line. Once it has been read, all bytes do.
func (c *handshakeConn) headerEnd(b []byte) int {
	if c.headerRead {
		return len(b)
	}
	for i, char := range b {
		switch {
		case char == '\n' && c.lineLength == 0:
			c.headerRead = true
			return i + 1
		case char == '\n':
			c.lineLength = 0
		case char != '\r':
			c.lineLength++
		}
	}
	return len(b)
}

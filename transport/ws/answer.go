package ws

import (
	"bytes"
	"errors"
	"net"
)

const (
	maxAnswer = 64 << 10 // of a handshake, in bytes
	unlimited = -1
)

var errAnswerTooLong = errors.New("answer to the handshake is too long")

// answer is a connection on which a handshake is answered. What comes behind the
// answer's header is kept apart: once the connection is upgraded it is frames,
// which are not the handshake's business.
type answer struct {
	net.Conn
	left  int    // how much of it may still be read
	line  int    // bytes of the header's line that is being read
	ended bool   // the header has
	rest  []byte // what has come behind it
}

// Read reads no further than the header ends, and what is behind it only when it
// is called again.
func (a *answer) Read(b []byte) (int, error) {
	if len(a.rest) > 0 {
		n := copy(b, a.rest)
		a.rest = a.rest[n:]
		return n, nil
	}
	if a.left == 0 {
		return 0, errAnswerTooLong
	}
	n, err := a.Conn.Read(b[:min(len(b), a.left)])
	a.left -= n
	if end := a.header(b[:n]); end < n {
		a.rest = bytes.Clone(b[end:n])
		n = end
	}
	return n, err
}

// header tells where the header ends in what was read: behind an empty line.
func (a *answer) header(b []byte) int {
	if a.ended {
		return len(b)
	}
	for i, c := range b {
		switch {
		case c == '\n' && a.line == 0:
			a.ended = true
			return i + 1
		case c == '\n':
			a.line = 0
		case c != '\r':
			a.line++
		}
	}
	return len(b)
}

package quic

import (
	"sync"

	quicgo "github.com/quic-go/quic-go"
)

const (
	// chunk is how many bytes are collected for one write.
	chunk = 64 << 10
	// direct is the size from which on a payload is written without a copy.
	direct = 16 << 10
	// maxHeader is the length of the longest frame header, in bytes.
	maxHeader = 10
)

// sender is the sending half of a stream. It writes all frames of a call with as few
// writes as possible.
type sender struct {
	out *quicgo.SendStream

	mu   sync.Mutex // held while writing
	buf  []byte     // frames to be written, at most chunk bytes
	used bool       // a write has been tried
	err  error      // of a write; nothing is written after it
}

// frames writes the payloads, one frame each; mu is held.
func (s *sender) frames(payloads [][]byte) error {
	for _, payload := range payloads {
		s.frame(payload)
	}
	s.flush()
	return s.err
}

// frame adds a frame to buf, and writes buf when it is full.
func (s *sender) frame(payload []byte) {
	if len(s.buf)+maxHeader+len(payload) > chunk {
		s.flush()
	}
	s.buf = appendSize(s.buf, len(payload))
	if len(payload) < direct {
		s.buf = append(s.buf, payload...)
		return
	}
	s.flush()
	s.write(payload)
}

// flush writes buf.
func (s *sender) flush() {
	s.write(s.buf)
	s.buf = s.buf[:0]
}

func (s *sender) write(b []byte) {
	if len(b) > 0 && s.err == nil {
		s.used = true
		_, s.err = s.out.Write(b)
	}
}

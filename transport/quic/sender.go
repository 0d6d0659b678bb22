package quic

import (
	"sync"

	quicgo "github.com/quic-go/quic-go"
)

const (
	// chunk is how much is gathered for one write, in bytes.
	chunk = 64 << 10
	// direct is from which size on a payload is not copied.
	direct = 16 << 10
	// maxHeader is what a frame's size takes, in bytes.
	maxHeader = 10
)

// sender is the sending half of a sequence. It puts all frames of a call into
// as few writes as possible.
type sender struct {
	stream *quicgo.SendStream

	mu   sync.Mutex // held while writing
	buf  []byte     // what is to be written, at most chunk bytes
	used bool       // something has been sent, or tried to be
	err  error      // why nothing is written any more
}

// frames writes the payloads, one frame each; mu is held.
func (s *sender) frames(payloads [][]byte) error {
	for _, payload := range payloads {
		s.frame(payload)
	}
	s.flush()
	return s.err
}

// frame gathers a frame, and writes what is too much.
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

// flush writes what was gathered.
func (s *sender) flush() {
	s.write(s.buf)
	s.buf = s.buf[:0]
}

func (s *sender) write(b []byte) {
	if len(b) > 0 && s.err == nil {
		s.used = true
		_, s.err = s.stream.Write(b)
	}
}

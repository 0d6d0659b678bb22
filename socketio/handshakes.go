package socketio

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// handshakes remembers what handshakes of other servers' sockets have been read as:
// they do not change while a socket lives, and applications ask for the same
// sockets again and again. All who ask share a handshake, as they do that of a
// local socket. It keeps thousands at most, of all namespaces, and none for long
// after the last question.
type handshakes struct {
	seed maphash.Seed

	mu     sync.Mutex
	known  recent[uint64, *reading]
	forget *time.Timer // nil before the first use
}

// reading is a handshake, and the text that it was read from.
type reading struct {
	text      string
	handshake *socket.Handshake
}

const (
	maxReadings    = 1 << 12 // at least so many are kept
	maxReadingSize = 1 << 12 // bytes of text; longer ones are read each time
	readingsLive   = time.Minute
)

func newHandshakes() *handshakes {
	return &handshakes{seed: maphash.MakeSeed(), known: recent[uint64, *reading]{limit: maxReadings}}
}

// of returns what a handshake was read as, and has it read if that is not known.
func (h *handshakes) of(p core.Payload, reader *handshakeReader) (*socket.Handshake, error) {
	if len(p.Attachments) > 0 || len(p.Text) > maxReadingSize {
		return reader.read(p)
	}
	key := maphash.Bytes(h.seed, p.Text)
	if r := h.reading(key); r != nil && r.text == string(p.Text) {
		return r.handshake, nil
	}
	handshake, err := reader.read(p)
	if err == nil {
		h.keep(key, &reading{text: string(p.Text), handshake: handshake})
	}
	return handshake, err
}

func (h *handshakes) reading(key uint64) *reading {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, _ := h.known.get(key)
	return r
}

func (h *handshakes) keep(key uint64, r *reading) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known.put(key, r)
}

// use keeps what is known for another while. It comes before [handshakes.of].
func (h *handshakes) use() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.forget == nil {
		h.forget = time.AfterFunc(readingsLive, h.clear)
		return
	}
	h.forget.Reset(readingsLive)
}

func (h *handshakes) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known.clear()
}

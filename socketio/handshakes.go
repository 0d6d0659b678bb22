package socketio

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
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

// recall returns what text was read as, or nil, and the key to remember it by.
func (h *handshakes) recall(text []byte) (*socket.Handshake, uint64) {
	key := maphash.Bytes(h.seed, text)
	h.mu.Lock()
	r, ok := h.known.get(key)
	h.mu.Unlock()
	if !ok || r.text != string(text) {
		return nil, key
	}
	return r.handshake, key
}

// remember keeps what text was read as. It comes after [handshakes.use].
func (h *handshakes) remember(key uint64, text []byte, handshake *socket.Handshake) {
	if len(text) > maxReadingSize {
		return
	}
	r := &reading{text: string(text), handshake: handshake}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known.put(key, r)
}

// use keeps what is known for another while.
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

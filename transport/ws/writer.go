package ws

import (
	"net"
	"slices"
	"sync"

	"github.com/socketmesh/mesh/internal/wsframe"
)

const (
	// chunk is how many bytes are collected for one write: more than a reader's buffer,
	// so that the reader is seldom woken for less than it can read.
	chunk = 2 * steadyBuffer
	// direct is the size from which on a payload is written without a copy, unless it has
	// to be masked.
	direct = 16 << 10
)

// writer is the sending half of a connection. It writes all frames of a call with as
// few system calls as possible.
type writer struct {
	socket net.Conn
	masked bool // this is the dialling end (RFC 6455, section 5.3)

	mu  sync.Mutex // held while writing
	buf []byte     // frames to be written, at most chunk bytes
	err error      // of a write; nothing is written after it
}

// messages writes each payload as a binary message; mu is held.
func (w *writer) messages(payloads [][]byte) error {
	for _, payload := range payloads {
		w.frame(wsframe.Binary, payload)
	}
	w.flush()
	return w.err
}

// control writes a control frame; mu is held.
func (w *writer) control(op wsframe.Opcode, payload []byte) error {
	w.frame(op, payload)
	w.flush()
	return w.err
}

// frame adds a frame to buf, and writes buf when it is full.
func (w *writer) frame(op wsframe.Opcode, payload []byte) {
	if len(w.buf)+wsframe.MaxHeader+len(payload) > chunk {
		w.flush()
	}
	if w.masked {
		key := wsframe.NewKey()
		w.buf = wsframe.AppendMaskedHeader(w.buf, op, len(payload), key)
		w.mask(payload, key)
		return
	}
	w.buf = wsframe.AppendHeader(w.buf, op, len(payload))
	if len(payload) >= direct {
		w.flushWith(payload)
		return
	}
	w.buf = append(w.buf, payload...)
}

// mask adds a masked payload to buf, chunk by chunk.
func (w *writer) mask(payload []byte, key wsframe.Key) {
	for {
		begin := len(w.buf)
		fits := min(chunk-begin, len(payload))
		w.buf = slices.Grow(w.buf, fits)[:begin+fits]
		key.Mask(w.buf[begin:], payload[:fits])
		if payload = payload[fits:]; len(payload) == 0 {
			return
		}
		key = key.After(fits)
		w.flush()
	}
}

// flush writes buf.
func (w *writer) flush() {
	w.write(w.buf)
	w.buf = w.buf[:0]
}

// flushWith writes buf and a payload behind it. TCP takes both in one call. TLS would
// make a record of a header alone, so buf is filled up with the payload's beginning
// first.
func (w *writer) flushWith(payload []byte) {
	if _, vectored := w.socket.(*net.TCPConn); vectored {
		if w.err == nil {
			both := net.Buffers{w.buf, payload}
			_, w.err = both.WriteTo(w.socket)
		}
		w.buf = w.buf[:0]
		return
	}
	fits := min(len(payload), chunk-len(w.buf))
	w.buf = append(w.buf, payload[:fits]...)
	w.flush()
	w.write(payload[fits:])
}

// write writes, unless a write has failed before.
func (w *writer) write(b []byte) {
	if len(b) > 0 && w.err == nil {
		_, w.err = w.socket.Write(b)
	}
}

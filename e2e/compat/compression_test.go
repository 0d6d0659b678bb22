package compat

import (
	"bytes"
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// TestPerMessageDeflate: messages from the threshold on are compressed where both
// sides want it, unless an emit says otherwise.
func TestPerMessageDeflate(t *testing.T) {
	large := strings.Repeat("compressible ", 50)
	for _, c := range []struct {
		name     string
		offered  bool
		accepted *types.PerMessageDeflate
	}{
		{"both", true, &types.PerMessageDeflate{Threshold: 100}},
		{"both without threshold", true, &types.PerMessageDeflate{}},
		{"server only", false, &types.PerMessageDeflate{Threshold: 100}},
		{"client only", true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(s *stage) {
				s.serve(func(o *socket.ServerOptions) {
					if c.accepted != nil {
						o.SetPerMessageDeflate(c.accepted)
					}
				})
				s.welcome("/", func(c *socket.Socket, n *notes) {
					_ = c.On("echo", func(values ...any) {
						n.add("echo %s", show(values...))
						c.Emit("small", 1)
						c.Emit("large", large)
						c.Compress(false).Emit("large", large)
						s.io.Emit("large", large)
						s.io.Compress(false).Emit("large", large)
						s.io.Emit("small", 2)
						c.Emit("bytes", bytes.Repeat([]byte{1}, 500))
						s.io.Emit("bytes", bytes.Repeat([]byte{2}, 500))
					})
				})
				w := s.raw("websocket").dialWatched(c.offered)
				w.read()
				w.send("40")
				w.read()
				w.read()
				w.send(`42["echo","` + large + `"]`)
				for range 10 {
					w.read()
				}
			})
		})
	}
}

// TestHTTPCompression: answers to polls are compressed from the threshold on, as
// the request allows.
func TestHTTPCompression(t *testing.T) {
	large := strings.Repeat("compressible ", 50)
	for _, encoding := range []string{"", "gzip", "deflate", "gzip, deflate, br", "identity", "x-unknown"} {
		t.Run("accept "+encoding, func(t *testing.T) {
			run(t, func(s *stage) {
				s.serve(func(o *socket.ServerOptions) { o.SetHttpCompression(&types.HttpCompression{Threshold: 300}) })
				s.welcome("/", func(c *socket.Socket, n *notes) {
					_ = c.On("large", func(...any) { c.Emit("large", large) })
					_ = c.On("plain", func(...any) { c.Compress(false).Emit("large", large) })
				})
				r := s.raw("polling")
				if encoding != "" {
					r.header.Set("Accept-Encoding", encoding)
				}
				r.get("EIO=4&transport=polling")
				session := "EIO=4&transport=polling&sid=" + r.sid
				r.post(session, "40")
				r.poll(session, "ready")
				r.post(session, `42["large"]`)
				r.get(session)
				r.post(session, `42["plain"]`)
				r.get(session)
			})
		})
	}
}

// dialWatched opens a WebSocket whose frames are watched: after each message it is
// written down whether it was compressed.
func (r *raw) dialWatched(offer bool) *watchedSocket {
	r.Helper()
	var watched *watchedConn
	dialer := websocket.Dialer{
		HandshakeTimeout:  patience,
		EnableCompression: offer,
		NetDial: func(network, address string) (net.Conn, error) {
			conn, err := net.Dial(network, address)
			watched = &watchedConn{Conn: conn}
			return watched, err
		},
	}
	conn, response, err := dialer.Dial(strings.Replace(r.url, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		r.Fatal(err)
	}
	r.add("WebSocket -> %d", response.StatusCode)
	r.addHeaders(response.Header)
	r.Cleanup(func() { conn.Close() })
	return &watchedSocket{rawSocket{raw: r, conn: conn}, watched}
}

type watchedSocket struct {
	rawSocket
	wire *watchedConn
}

func (w *watchedSocket) read() string {
	w.Helper()
	text := w.rawSocket.read()
	w.add("  compressed: %v", w.wire.compressed())
	return text
}

// watchedConn keeps what was read.
type watchedConn struct {
	net.Conn
	mu   sync.Mutex
	read []byte // not yet told apart
	past bool   // the handshake is over
}

func (c *watchedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = append(c.read, b[:n]...)
	return n, err
}

// compressed takes the frames of the next message, and tells whether its first one
// says that it is compressed (RFC 7692, section 6).
func (c *watchedConn) compressed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.past {
		_, c.read, c.past = bytes.Cut(c.read, []byte("\r\n\r\n"))
	}
	first, compressed := true, false
	for len(c.read) >= 2 {
		header, size := 2, int(c.read[1]&0x7f)
		switch size {
		case 126:
			header, size = 4, int(binary.BigEndian.Uint16(c.read[2:]))
		case 127:
			header, size = 10, int(binary.BigEndian.Uint64(c.read[2:]))
		}
		final := c.read[0]&0x80 != 0
		if first {
			compressed, first = c.read[0]&0x40 != 0, false
		}
		c.read = c.read[min(header+size, len(c.read)):]
		if final {
			break
		}
	}
	return compressed
}

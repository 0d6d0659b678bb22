package e2e

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// raw is a WebSocket to a mesh port or a discovery service, made of bytes.
type raw struct {
	*websocket.Conn
}

func dialRaw(t *testing.T, url string) *raw {
	t.Helper()
	return dialRawFrom(t, nil, url)
}

// dialRawFrom dials from an address of this machine; nil is any.
func dialRawFrom(t *testing.T, local net.Addr, url string) *raw {
	t.Helper()
	dialer := websocket.Dialer{NetDialContext: (&net.Dialer{LocalAddr: local}).DialContext}
	conn, _, err := dialer.Dial(url, nil)
	if err != nil {
		t.Fatalf("dialling %s: %v", url, err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(askTime))
	return &raw{conn}
}

// send ignores errors: the other side may have closed already.
func (r *raw) send(frame []byte) { r.WriteMessage(websocket.BinaryMessage, frame) }

// closed reads until the connection ends, and returns how.
func (r *raw) closed(t *testing.T) (code int, reason string) {
	t.Helper()
	defer r.Close()
	for {
		_, _, err := r.ReadMessage()
		var end *websocket.CloseError
		switch {
		case err == nil:
		case errors.As(err, &end):
			return end.Code, end.Text
		default:
			t.Fatalf("connection did not end with a close frame: %v", err)
		}
	}
}

// over waits until the connection has ended, in whatever way. It reports false if
// that does not happen.
func over(conn net.Conn) bool {
	conn.SetReadDeadline(time.Now().Add(askTime))
	buffer := make([]byte, 4096)
	for {
		_, err := conn.Read(buffer)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return false
		}
		if err != nil {
			return true
		}
	}
}

// packed is a msgpack map of short texts: key, value, key, value, …
func packed(texts ...string) []byte {
	b := []byte{0x80 | byte(len(texts)/2)}
	for _, text := range texts {
		b = append(append(b, 0xd9, byte(len(text))), text...)
	}
	return b
}

func hello(texts ...string) []byte { return append([]byte{0}, packed(texts...)...) }

func isHTTPError(answer string) bool {
	return strings.HasPrefix(answer, "HTTP/1.1 4")
}

package ws

import (
	"bufio"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/socketmesh/mesh/internal/wsframe"
)

// TestHandshakeConn: the bytes behind the header are kept, however they arrive.
func TestHandshakeConn(t *testing.T) {
	for name, text := range map[string]string{
		"usual": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
		"bare":  "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n",
	} {
		for _, behind := range []string{"", "\r\n", "frames \r\n\r\n and more"} {
			for _, cut := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.HalfReader, iotest.OneByteReader} {
				a := &handshakeConn{Conn: &script{in: cut(strings.NewReader(text + behind))}, remaining: maxResponse}
				library := bufio.NewReader(a)
				response, err := http.ReadResponse(library, nil)
				if err != nil || response.Header.Get("Upgrade") != "websocket" || library.Buffered() > 0 {
					t.Fatalf("%s: %v, %d bytes taken from behind it", name, err, library.Buffered())
				}
				kept := string(a.rest)
				rest, _ := io.ReadAll(a.Conn)
				if kept += string(rest); kept != behind {
					t.Errorf("%s: %q behind it, want %q", name, kept, behind)
				}
				if rest, err := io.ReadAll(a); err != nil || !strings.HasPrefix(behind, string(rest)) {
					t.Errorf("%s: read %q behind it, %v", name, rest, err)
				}
			}
		}
	}
	long := &handshakeConn{Conn: &script{in: strings.NewReader(strings.Repeat("x", maxResponse+1))}, remaining: maxResponse}
	if got, err := io.ReadAll(long); err != errResponseTooLong || len(got) != maxResponse {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestFramesBehindTheResponse: an acceptor may send at once, and its frames may come
// together with its response.
func TestFramesBehindTheResponse(t *testing.T) {
	options := New(Options{}).options
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		socket, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer socket.Close()
		out := &script{in: strings.NewReader("")}
		newAcceptor(&options).ServeHTTP(out, r)
		all := slices.Concat(out.written(), wsframe.New(wsframe.Binary, []byte("at once")), wsframe.New(wsframe.Binary, []byte("and then")))
		socket.Write(all)
		io.Copy(io.Discard, socket)
	})
	c, err := dial(t, "ws://"+addr)
	if err != nil {
		t.Fatal(err)
	}
	wantRecv(t, c, "at once")
	wantRecv(t, c, "and then")
}

package ws

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/acceptqueue"
	"github.com/socketmesh/mesh/internal/pendingset"
)

const upgrade = "GET /mesh HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"

func TestAcceptorAnswers(t *testing.T) {
	l := listen(t, quick)
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"plain GET":       {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 426},
		"POST":            {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody", 426},
		"HTTP 1.0":        {"GET / HTTP/1.0\r\n\r\n", 426},
		"other upgrade":   {"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 426},
		"browser":         {upgrade + "Origin: http://x\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 403},
		"no key":          {upgrade + "Sec-WebSocket-Version: 13\r\n\r\n", 400},
		"bad key":         {upgrade + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ?\r\n\r\n", 400},
		"old version":     {upgrade + "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 400},
		"upgrading POST":  {strings.Replace(upgrade, "GET", "POST", 1) + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 405},
		"no Host":         {"GET / HTTP/1.1\r\n\r\n", 400},
		"random bytes":    {"\x00\x01\x82\xfe\x16\x03\x01\r\n\r\n", 400},
		"a mesh frame":    {"\x01\x84\xa4type\x03\r\n", 400},
		"a TLS hello":     {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", 400},
		"long header":     {"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", 431},
		"early data":      {upgrade + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nearly", 0},
		"good":            {upgrade + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 101},
		"with a protocol": {upgrade + "Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 101},
	} {
		t.Run(name, func(t *testing.T) {
			c0 := raw(t, l.Addr(), c.request)
			response, err := http.ReadResponse(bufio.NewReader(c0), nil)
			switch {
			case c.status == 0: // refused or ignored: either will do
			case err != nil:
				t.Fatalf("no answer: %v", err)
			case response.StatusCode != c.status:
				t.Errorf("got %s, want %d", response.Status, c.status)
			case c.status == 101:
				accept(t, l)
				if got := response.Header.Get("Socketmesh-Protocol"); got != "1" {
					t.Errorf("Socketmesh-Protocol: got %q, want 1", got)
				}
				for _, header := range []string{"Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"} {
					if got := response.Header.Get(header); got != "" {
						t.Errorf("%s: got %q, want nothing", header, got)
					}
				}
			default:
				response.Body.Close()
			}
			if c.status == http.StatusRequestHeaderFieldsTooLarge {
				hungUp(t, c0)
			}
			c0.Close()
		})
	}
	wantWorks(t, l)
}

func TestBrowserIsLogged(t *testing.T) {
	log := new(coretest.Log)
	l := listen(t, Options{Logger: log.Logger()})
	_, _, err := websocket.DefaultDialer.Dial("ws://"+l.Addr(), http.Header{"Origin": {"http://evil.example"}})
	if !errors.Is(err, websocket.ErrBadHandshake) || !strings.Contains(log.String(), "http://evil.example") {
		t.Errorf("got error %v, log %q", err, log)
	}
}

// Connections that send nothing, or half a request, are dropped in time, and do not
// delay others before that.
func TestSilentConnectionsAreDropped(t *testing.T) {
	l := listen(t, Options{HandshakeTimeout: 3 * time.Second}) // a busy machine has to shake hands in it
	var silent []io.Reader
	for i := range 1000 {
		request := ""
		if i%2 == 1 {
			request = upgrade // and no more
		}
		silent = append(silent, raw(t, l.Addr(), request))
	}
	wantWorks(t, l)
	for _, c := range silent {
		// The server may say that the request timed out, but has to hang up.
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a silent connection is not dropped: %v", err)
		}
	}
	wantWorks(t, l)
}

// Connections that send nothing take a bounded number of descriptors: the oldest are
// closed and reported, those of others stay, and newcomers get in.
func TestSilentConnectionsAreBounded(t *testing.T) {
	for _, secured := range []bool{false, true} {
		t.Run(map[bool]string{false: "ws", true: "wss"}[secured], func(t *testing.T) {
			options := Options{HandshakeTimeout: time.Minute, CloseTimeout: 50 * time.Millisecond}
			if secured {
				options.TLS = mutual(t, issue(t, "127.0.0.1"))
			}
			l := listen(t, options)
			refused := make(chan struct{}, 1000) // more than there are connections
			l.(core.RefusalNotifier).OnRefuse(func(_ string, why error) {
				if errors.Is(why, core.ErrBusy) {
					refused <- struct{}{}
				}
			})
			neighbour := silentFrom(t, l.Addr(), "127.0.0.2")
			const excess = 200
			var silent []net.Conn
			for range pendingset.PerSource + excess {
				silent = append(silent, silentFrom(t, l.Addr(), "127.0.0.3"))
			}
			for i, c := range silent[:excess] {
				c.SetReadDeadline(time.Now().Add(patience))
				if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("silent connection %d is still open", i)
				}
			}
			for _, c := range []net.Conn{neighbour, silent[excess]} {
				c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
				if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("the connection from %s is closed: %v", c.LocalAddr(), err)
				}
			}
			for i := range pendingset.Limit { // from many addresses
				silentFrom(t, l.Addr(), fmt.Sprintf("127.0.1.%d", 1+i%200))
			}
			neighbour.SetReadDeadline(time.Now().Add(patience))
			if _, err := neighbour.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the oldest connection of all is still open")
			}
			for i, late := 0, time.After(patience); i <= excess; i++ { // each is closed before it is reported
				select {
				case <-refused:
				case <-late:
					t.Fatalf("%d connections were reported", i)
				}
			}
			if more := len(refused); more >= pendingset.Limit {
				t.Errorf("%d connections were reported", excess+1+more)
			}
			if !secured {
				wantWorks(t, l)
			}
		})
	}
}

// silentFrom opens a TCP connection from a local address.
func silentFrom(t *testing.T, addr, local string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(local)}}).Dial("tcp", addr)
	if err != nil && runtime.GOOS != "linux" {
		t.Skip("this system has no other loopback addresses than 127.0.0.1, perhaps:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestAcceptQueueIsBounded(t *testing.T) {
	l := listen(t, quick)
	var last int
	for i := range acceptqueue.Limit + 1 {
		c, response, err := websocket.DefaultDialer.Dial("ws://"+l.Addr(), nil)
		if response == nil {
			t.Fatal(err)
		}
		if err == nil {
			defer c.Close()
		}
		if last = response.StatusCode; last != 101 && i < acceptqueue.Limit {
			t.Fatalf("connection %d: got %s", i, response.Status)
		}
	}
	if last != http.StatusServiceUnavailable {
		t.Errorf("one connection too many: got %d, want 503", last)
	}
	accept(t, l)
	stranger(t, l, nil)
}

func TestListenerCloseTellsPending(t *testing.T) {
	l := listen(t, quick)
	c, _ := stranger(t, l, nil)
	l.Close()
	_, _, err := c.ReadMessage()
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != 1001 || closed.Text != "transport-closed" {
		t.Errorf("got %v, want 1001 transport-closed", err)
	}
}

// A listener's error tells what is wrong with the address.
func TestListenBadAddress(t *testing.T) {
	for _, addr := range []string{"nonsense", "127.0.0.1:-1", "127.0.0.1:99999", "ws://127.0.0.1:0"} {
		l, err := New(Options{}).Listen(t.Context(), addr)
		if err == nil {
			l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), addr) {
			t.Errorf("Listen %q: got %v, want an error that names it", addr, err)
		}
	}
}

// A client that is not of this package can connect to our acceptor.
func TestOtherWebSocketClientsAreServed(t *testing.T) {
	l := listen(t, quick)
	c, response := stranger(t, l, nil)
	if got := response.Header.Get("Socketmesh-Protocol"); got != "1" {
		t.Errorf("header: got %q, want 1", got)
	}
	accepted := accept(t, l)
	if err := c.WriteMessage(websocket.TextMessage, []byte("text is fine")); err != nil {
		t.Fatal(err)
	}
	wantRecv(t, accepted, "text is fine")
	if err := accepted.Send(t.Context(), [][]byte{[]byte("binary")}); err != nil {
		t.Fatal(err)
	}
	if kind, got, err := c.ReadMessage(); kind != websocket.BinaryMessage || string(got) != "binary" || err != nil {
		t.Errorf("got message of type %d, %q, %v", kind, got, err)
	}
	go accepted.Close(core.CloseHelloInvalid)
	_, _, err := c.ReadMessage()
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != 1002 || closed.Text != "hello-invalid" {
		t.Errorf("got %v, want 1002 hello-invalid", err)
	}
}

package load

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/socketmesh/mesh/internal/wsframe"
)

// fake is a server that does as it is told by a test.
type fake struct {
	listener net.Listener
	work     sync.WaitGroup

	// accept is asked for each connection: false hangs up at once.
	accept func(n int) bool
	// refuse is asked for each connection: true answers with 503.
	refuse func(n int) bool
	// hello is what follows the upgrade, instead of the handshake.
	hello func(n int) [][]byte
	// publish makes the n-th message, from 0, into what each client gets.
	publish func(n int, message string) [][]byte
	// answer is what an event with an acknowledgement is answered with.
	answer func(event string) string

	mu    sync.Mutex
	conns []net.Conn
	count int // connections
	sent  int // messages
	got   []string
}

func startFake(t *testing.T, f *fake) string {
	t.Helper()
	var err error
	if f.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	f.work.Go(f.serve)
	t.Cleanup(func() {
		f.listener.Close()
		f.mu.Lock()
		for _, c := range f.conns {
			c.Close()
		}
		f.mu.Unlock()
		f.work.Wait()
	})
	return "http://" + f.listener.Addr().String()
}

func (f *fake) serve() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		n := f.count
		f.count++
		f.conns = append(f.conns, conn)
		f.mu.Unlock()
		f.work.Go(func() { f.client(n, conn) })
	}
}

func (f *fake) client(n int, conn net.Conn) {
	defer conn.Close()
	if f.accept != nil && !f.accept(n) {
		return
	}
	reader := bufio.NewReader(conn)
	if _, err := http.ReadRequest(reader); err != nil {
		return
	}
	if f.refuse != nil && f.refuse(n) {
		io.WriteString(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
		return
	}
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
	hello := [][]byte{serverFrame(wsframe.Text, true, `0{"sid":"engine"}`)}
	if f.hello != nil {
		hello = f.hello(n)
	}
	f.write(conn, hello)
	for {
		message, err := readClientFrame(reader)
		if err != nil {
			return
		}
		f.handle(conn, message)
	}
}

func (f *fake) handle(conn net.Conn, message string) {
	f.mu.Lock()
	f.got = append(f.got, message)
	f.mu.Unlock()
	switch {
	case message == "40":
		f.write(conn, [][]byte{serverFrame(wsframe.Text, true, `40{"sid":"socket"}`)})
	case strings.HasPrefix(message, `42["pub"`):
		f.relay(message)
	case strings.HasPrefix(message, "42"):
		id, event, _ := strings.Cut(message[2:], "[")
		args := "[]"
		if f.answer != nil && !strings.HasPrefix(event, `"join"`) {
			args = f.answer(event)
		}
		f.write(conn, [][]byte{serverFrame(wsframe.Text, true, "43"+id+args)})
	}
}

// relay gives a message to all clients, as publish says.
func (f *fake) relay(message string) {
	_, payload, _ := strings.Cut(message, `","room000000","`)
	whole := opened + payload
	f.mu.Lock()
	n := f.sent
	f.sent++
	conns := append([]net.Conn{}, f.conns...)
	f.mu.Unlock()
	frames := [][]byte{serverFrame(wsframe.Text, true, whole)}
	if f.publish != nil {
		frames = f.publish(n, whole)
	}
	for _, conn := range conns {
		f.write(conn, frames)
	}
}

func (f *fake) write(conn net.Conn, frames [][]byte) {
	for _, frame := range frames {
		if _, err := conn.Write(frame); err != nil {
			return
		}
	}
}

// ping pings all clients.
func (f *fake) ping() {
	f.mu.Lock()
	conns := append([]net.Conn{}, f.conns...)
	f.mu.Unlock()
	for _, conn := range conns {
		f.write(conn, [][]byte{serverFrame(wsframe.Text, true, "2")})
	}
}

// heard tells whether a client has said that.
func (f *fake) heard(message string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.got {
		if m == message {
			return true
		}
	}
	return false
}

// readClientFrame reads a frame with a mask of zeros.
func readClientFrame(r *bufio.Reader) (string, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	size := uint64(head[1] &^ maskBit)
	switch size {
	case 126:
		var b [2]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", err
		}
		size = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", err
		}
		size = binary.BigEndian.Uint64(b[:])
	}
	payload := make([]byte, 4+size)
	_, err := io.ReadFull(r, payload)
	return string(payload[4:]), err
}

package socketio

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/await"
)

// connects is how often the clients of TestFastConnects connect.
var connects = flag.Int("connects", 2000, "how many connections TestFastConnects makes")

// raw is a client in as few bytes and system calls as there can be, which waits
// for nothing that it need not wait for.
type raw struct {
	conn net.Conn
	in   *bufio.Reader
}

// dialRaw opens a WebSocket and at once asks for the main namespace, before the
// server has said a word of Engine.IO.
func dialRaw(addr string, source net.IP, first string) (*raw, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: source}, Timeout: await.Patience}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(2 * await.Patience))
	_ = conn.(*net.TCPConn).SetLinger(0)
	r := &raw{conn, bufio.NewReaderSize(conn, 512)}
	_, err = io.WriteString(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	for err == nil {
		var line []byte
		if line, err = r.in.ReadSlice('\n'); len(line) == 2 {
			if first != "" {
				err = r.send(first)
			}
			return r, err
		}
	}
	conn.Close()
	return nil, err
}

func (r *raw) send(packet string) error {
	frame := []byte{0x81, 0x80 | byte(len(packet)), 0, 0, 0, 0}
	_, err := r.conn.Write(append(frame, packet...))
	return err
}

var errGoodbye = errors.New("the server closed")

func (r *raw) receive() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r.in, head[:2]); err != nil {
		return nil, err
	}
	n := int(head[1])
	if n == 126 {
		if _, err := io.ReadFull(r.in, head[2:]); err != nil {
			return nil, err
		}
		n = int(head[2])<<8 | int(head[3])
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r.in, payload); err != nil {
		return nil, err
	}
	if head[0] == 0x88 {
		return nil, errGoodbye
	}
	return payload, nil
}

// await reads until a packet begins as wanted.
func (r *raw) await(prefix string) error {
	for {
		packet, err := r.receive()
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", prefix, err)
		}
		if bytes.HasPrefix(packet, []byte(prefix)) {
			return nil
		}
	}
}

// visit connects, says something at once, and goes: some as soon as they have
// asked to be let in.
func visit(addr string, i int) error {
	source := net.IPv4(127, 0, byte(i>>8&0x7f), byte(i&0xff|1))
	r, err := dialRaw(addr, source, "40")
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer r.conn.Close()
	if i%4 == 3 {
		return nil
	}
	if err := r.await("40"); err != nil {
		return err
	}
	if err := r.send(`421["echo"]`); err != nil {
		return err
	}
	return r.await("431")
}

// TestFastConnects: clients that are faster than the library expects are neither
// forgotten nor hung up on, and nothing is left of those that go.
func TestFastConnects(t *testing.T) {
	s := serve(t, lonely{})
	_ = s.On("connection", func(args ...any) {
		_ = args[0].(*socket.Socket).On("echo", func(args ...any) { args[0].(socket.Ack)(nil, nil) })
	})
	first := runtime.NumGoroutine()
	addr := strings.TrimPrefix(s.http.URL, "http://")
	var next, failed atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for {
				i := int(next.Add(1))
				if i > *connects {
					return
				}
				if err := visit(addr, i); err != nil {
					if failed.Add(1) < 10 {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := failed.Load(); n > 0 {
		t.Errorf("%d of %d failed", n, *connects)
	}
	nsp := s.Sockets()
	await.Condition(t, "nobody left", func() bool {
		return nsp.Sockets().Len()+nsp.Adapter().Rooms().Len()+nsp.Adapter().Sids().Len() == 0 &&
			s.Engine().Clients().Len() == 0 && s.Engine().ClientsCount() == 0 &&
			s.constructor.ClientStats().Clients == 0 && runtime.NumGoroutine() <= first+10
	})
}

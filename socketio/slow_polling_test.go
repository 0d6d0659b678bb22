package socketio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/socketio/internal/sendqueue"
)

// slowest are bounds that are soon reached, with what is logged.
func slowest(t *testing.T, o ClientOptions) (*server, *coretest.Log) {
	t.Helper()
	log := new(coretest.Log)
	s := serve(t, lonely{}, WithClientOptions(o), WithLogger(log.Logger()))
	s.Engine().Opts().SetPingInterval(time.Hour) // a busy machine takes long to emit, and pings are answers too
	return s, log
}

// left is told of a socket's end: reason and cause.
func left(sock *socket.Socket) <-chan []any {
	gone := make(chan []any, 10)
	_ = sock.On("disconnect", func(args ...any) { gone <- args })
	return gone
}

func wantSlow(t *testing.T, gone []any) {
	t.Helper()
	if len(gone) < 2 || gone[0] != "transport error" {
		t.Fatalf("left with %v", gone)
	}
	if err, ok := gone[1].(error); !ok || !errors.Is(err, sendqueue.ErrSlow) {
		t.Errorf("cause %v", gone[1])
	}
}

// TestSlowPolling: what waits for a client that does not poll any more is bounded, and
// so is the memory that it takes; so is that of one whose upgrade is not finished.
func TestSlowPolling(t *testing.T) {
	const mb = 1 << 20
	payload := strings.Repeat("x", 100_000)
	for name, stop := range map[string]func(*pollingClient){
		"never polls again": func(*pollingClient) {},
		"tries an upgrade":  func(p *pollingClient) { p.probe() },
	} {
		t.Run(name, func(t *testing.T) {
			s, log := slowest(t, ClientOptions{QueueBytes: mb, MaxQueueBytes: 8 * mb})
			p, sock := s.polling()
			gone := left(sock)
			stop(p)
			before, most := heap(), int64(0)
			for range 640 {
				_ = s.Emit("e", payload)
				most = max(most, s.constructor.ClientStats().Queued)
			}
			wantSlow(t, await.Value(t, gone))
			if most < 7*mb || most > 8*mb+200_000 {
				t.Errorf("%d bytes waited", most)
			}
			await.Condition(t, "memory is free", func() bool { return heap()-before < 4*mb })
			if stats := s.constructor.ClientStats(); stats.SlowFull != 1 || stats.Slow != 1 || stats.Queued != 0 {
				t.Errorf("%+v", stats)
			}
			if text := log.String(); !strings.Contains(text, "slow client cut") || !strings.Contains(text, "transport=polling") || !strings.Contains(text, "sid="+string(sock.Conn().Id())) {
				t.Errorf("log: %s", text)
			}
			await.Condition(t, "nobody is there", func() bool { return s.Engine().ClientsCount() == 0 })
		})
	}
}

// heap is what is alive.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestSlowPollingTotal: clients that poll count in what waits for all.
func TestSlowPollingTotal(t *testing.T) {
	const mb = 1 << 20
	s, _ := slowest(t, ClientOptions{TotalBytes: 8 * mb})
	var gone []<-chan []any
	for range 4 {
		_, sock := s.polling()
		gone = append(gone, left(sock))
	}
	payload, most := strings.Repeat("x", 100_000), int64(0)
	for range 30 {
		_ = s.Emit("e", payload)
		most = max(most, s.constructor.ClientStats().Queued)
	}
	cut := 0
	await.Condition(t, "somebody was cut", func() bool {
		cut = 0
		for _, g := range gone {
			cut += len(g)
		}
		return cut > 0 && cut == int(s.constructor.ClientStats().SlowMemory)
	})
	if cut == len(gone) || most > 8*mb+400_000 {
		t.Errorf("%d of %d cut, %d bytes waited", cut, len(gone), most)
	}
}

// TestPollingBurst: a client that polls as fast as it can gets all of 20 MB that are
// emitted at once.
func TestPollingBurst(t *testing.T) {
	s := serve(t, lonely{})
	p, _ := s.polling()
	const events, size = 320, 62_500
	payload := strings.Repeat("x", size)
	for range events {
		_ = s.Emit("e", payload)
	}
	want, got := events*len(`42["e","`+payload+`"]`)+events-1, 0
	for got < want {
		got += len(p.get()) + 1 // separators are between packets
	}
	// The client may have the last answer before the server has noted that it is written.
	await.Condition(t, "nothing waits", func() bool { return s.constructor.ClientStats().Queued == 0 })
	if stats := s.constructor.ClientStats(); stats.Slow != 0 || stats.Polling != 1 {
		t.Errorf("%+v", stats)
	}
}

// TestSlowPollingAnswer: a client that polls and does not read the answer is cut, and its
// connection closed.
func TestSlowPollingAnswer(t *testing.T) {
	const mb = 1 << 20
	s, _ := slowest(t, ClientOptions{QueueBytes: mb, MaxQueueBytes: 2 * mb})
	p, sock := s.polling()
	gone := left(sock)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.http.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, path, _ := strings.Cut(p.url, "/socket.io/")
	fmt.Fprintf(conn, "GET /socket.io/%s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	await.Condition(t, "it polls", func() bool { return sock.Conn().Transport().Writable() })
	_ = s.Emit("e", strings.Repeat("x", 32*mb))
	for range 40 {
		_ = s.Emit("e", strings.Repeat("x", 100_000))
	}
	wantSlow(t, await.Value(t, gone))
	_ = conn.SetReadDeadline(time.Now().Add(await.Patience))
	var body bytes.Buffer
	if _, err := io.Copy(&body, conn); errors.Is(err, os.ErrDeadlineExceeded) || body.Len() >= 32*mb {
		t.Errorf("%d bytes read, %v", body.Len(), err)
	}
}

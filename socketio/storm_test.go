package socketio

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/await"
)

// What the storm is made of: a server with one processor, clients that are there, and
// newcomers that all come at once. To let one in takes stormWork; all of them take far
// longer than a client waits for a ping.
const (
	stormEnv       = "SOCKETIO_STORM_SERVER" // the process is the server, with this MaxConnecting
	stormPresent   = 50
	stormNewcomers = 600
	stormWork      = 10 * time.Millisecond
	stormInterval  = 500 * time.Millisecond // between pings
	stormTimeout   = 3 * time.Second
	stormMax       = 200 // MaxConnecting
)

var stormWanted = flag.Bool("storm", false, "run the storm of clients, which measures time and needs a processor for itself")

// serveStorm is the process of the server. It ends with its input.
func serveStorm(maxConnecting string) {
	most, _ := strconv.Atoi(maxConnecting)
	options := socket.DefaultServerOptions()
	options.SetPingInterval(stormInterval)
	options.SetPingTimeout(stormTimeout)
	options.SetAdapter(New(lonely{}, WithClientOptions(ClientOptions{MaxConnecting: most}),
		WithLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))))
	server := socket.NewServer(nil, options)
	server.Sockets().Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		for began := time.Now(); time.Since(began) < stormWork; { // as to check a token
		}
		next(nil)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() { _ = http.Serve(listener, server.ServeHandler(nil)) }()
	fmt.Println(listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// TestStorm: when many clients come at once to a server that has no time for them, it loses
// none of those that are there, and lets all of them in at last. Some of the newcomers
// wait in line, others are told to come again.
func TestStorm(t *testing.T) {
	if !*stormWanted {
		t.Skip("make storm runs it, on a machine that does nothing else")
	}
	storm := startStorm(t, stormMax)
	defer storm.stop()
	for range stormPresent {
		if err := storm.connect(); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	var newcomers sync.WaitGroup
	for range stormNewcomers {
		newcomers.Go(func() {
			for err := storm.connect(); err != nil; err = storm.connect() {
				storm.again.Add(1)
				if time.Since(began) > 2*await.Patience {
					t.Errorf("not let in: %v", err)
					return
				}
				time.Sleep(time.Duration((0.5 + rand.Float64()) * float64(time.Second))) // as clients do
			}
		})
	}
	newcomers.Wait()
	t.Logf("all are in after %v; clients came again %d times; pings were %v late at most",
		time.Since(began), storm.again.Load(), time.Duration(storm.late.Load()))
	if lost := storm.lost.Load(); lost > 0 {
		t.Errorf("%d clients that were in have been lost: %v", lost, storm.reason.Load())
	}
	if storm.again.Load() == 0 {
		t.Error("nobody was refused")
	}
}

// storm is the server and its clients.
type storm struct {
	t      *testing.T
	url    string
	ending atomic.Bool
	again  atomic.Int64 // times that a client was not let in
	lost   atomic.Int64 // clients that were in, and whose connection has ended
	late   atomic.Int64
	reason atomic.Value
	stop   func()

	mu      sync.Mutex
	conns   []*websocket.Conn
	clients sync.WaitGroup
}

func startStorm(t *testing.T, maxConnecting int) *storm {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), stormEnv+"="+strconv.Itoa(maxConnecting), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &storm{t: t}
	s.stop = func() {
		s.ending.Store(true)
		s.mu.Lock()
		for _, c := range s.conns {
			_ = c.Close()
		}
		s.mu.Unlock()
		s.clients.Wait()
		_ = stdin.Close()
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	s.url = "ws://" + strings.TrimSpace(line) + "/socket.io/?EIO=4&transport=websocket"
	return s
}

// connect returns when a client is in. From then on it answers pings, and gives the server
// up if one is late, as Socket.IO's clients do.
func (s *storm) connect() error {
	dialer := websocket.Dialer{HandshakeTimeout: await.Patience}
	c, _, err := dialer.Dial(s.url, nil)
	if err != nil {
		return err
	}
	in := make(chan error, 1)
	s.mu.Lock()
	s.conns = append(s.conns, c)
	s.mu.Unlock()
	s.clients.Go(func() { s.live(c, in) })
	return <-in
}

func (s *storm) live(c *websocket.Conn, in chan<- error) {
	defer c.Close()
	connected, heard := false, time.Now()
	for {
		_ = c.SetReadDeadline(time.Now().Add(stormInterval + stormTimeout))
		_, message, err := c.ReadMessage()
		switch text := string(message); {
		case err != nil && !connected:
			in <- err
			return
		case err != nil && !s.ending.Load():
			s.lost.Add(1)
			s.reason.CompareAndSwap(nil, err.Error())
			return
		case err != nil:
			return
		case strings.HasPrefix(text, "0"):
			_ = c.WriteMessage(websocket.TextMessage, []byte("40"))
		case strings.HasPrefix(text, "40"):
			connected = true
			in <- nil
		case text == "2":
			_ = c.WriteMessage(websocket.TextMessage, []byte("3"))
			s.noteLate(time.Since(heard) - stormInterval)
			heard = time.Now()
		}
	}
}

func (s *storm) noteLate(late time.Duration) {
	for {
		most := s.late.Load()
		if int64(late) <= most || s.late.CompareAndSwap(most, int64(late)) {
			return
		}
	}
}

package socketio

import (
	"crypto/tls"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
)

// TestAttachmentsStayTogether: nothing comes between a packet and its attachments,
// whoever emits at the same time.
func TestAttachmentsStayTogether(t *testing.T) {
	s := serve(t, lonely{})
	c, sock := s.client("/", "r")
	const each = 500
	var wg sync.WaitGroup
	for _, emit := range []func(i int){
		func(i int) { _ = sock.Emit("own", i, []byte("a"), []byte("b")) },
		func(i int) { _ = s.To("r").Emit("room", i) },
		func(i int) { _ = s.To("r").Emit("blob", i, []byte("a"), []byte("b")) },
	} {
		wg.Go(func() {
			for i := range each {
				emit(i)
			}
		})
	}
	next := map[string]int{}
	for range 3 * each {
		packet := c.next()
		_, args, _ := strings.Cut(packet.data, `["`)
		name, rest, _ := strings.Cut(args, `",`)
		var i int
		if _, err := fmt.Sscan(strings.FieldsFunc(rest, func(r rune) bool { return r == ',' || r == ']' })[0], &i); err != nil || i != next[name] {
			t.Fatalf("%.100q, want %d", packet.data, next[name])
		}
		next[name]++
		if strings.HasPrefix(packet.data, "52-") {
			c.expect(binary("a"), binary("b"))
		}
	}
	wg.Wait()
}

// TestDisconnectFlushes: what was emitted before a disconnect arrives.
func TestDisconnectFlushes(t *testing.T) {
	for _, whole := range []bool{true, false} {
		s := serve(t, lonely{})
		c, sock := s.client("/")
		for i := range 1000 {
			_ = sock.Emit("e", i)
		}
		s.Emit("last")
		if sock.Disconnect(whole); sock.Connected() {
			t.Error("still connected")
		}
		for i := range 1000 {
			c.expect(text(`2["e",` + jsonOf(i) + `]`))
		}
		c.expect(text(`2["last"]`))
		if whole {
			c.expect(text("1"))
			ended(t, c.done)
			continue
		}
		c.expect(text("1"))
	}
}

// TestGoodbye: a client is told that the server closes, and one that closes is
// answered.
func TestGoodbye(t *testing.T) {
	s := serve(t, lonely{})
	c, sock := s.client("/")
	closed := make(chan int, 1)
	c.conn.SetCloseHandler(func(code int, _ string) error { closed <- code; return nil })
	sock.Disconnect(true)
	if code := await.Value(t, closed); code != websocket.CloseNoStatusReceived {
		t.Errorf("closed with %d", code)
	}

	c, sock = s.client("/")
	gone := make(chan any, 1)
	_ = sock.On("disconnect", func(args ...any) { gone <- args[0] })
	c.conn.SetCloseHandler(func(code int, _ string) error { closed <- code; return nil })
	_ = c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "bye"), time.Now().Add(await.Patience))
	if code, reason := await.Value(t, closed), await.Value(t, gone); code != 4001 || reason != "transport close" {
		t.Errorf("answered with %d, %v", code, reason)
	}
	await.Condition(t, "nobody left", func() bool { return s.constructor.ClientStats().Clients == 0 })
}

// TestBrokenProtocol: the client is told, the application too.
func TestBrokenProtocol(t *testing.T) {
	for _, test := range []struct {
		name   string
		send   func(*client)
		reason string
		code   int
	}{
		{"reserved bits", func(c *client) { _, _ = c.conn.NetConn().Write([]byte{0xf1, 0x80, 0, 0, 0, 0}) }, "transport error", 1002},
		{"too large", func(c *client) { c.send(strings.Repeat("x", 2_000_000)) }, "transport error", 1009},
		{"unknown packet", func(c *client) { _ = c.write(websocket.TextMessage, "x") }, "parse error", websocket.CloseNoStatusReceived},
		{"client's ping", func(c *client) { _ = c.write(websocket.TextMessage, "2") }, "transport error", websocket.CloseNoStatusReceived},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, lonely{})
			c, sock := s.client("/")
			closed, gone := make(chan int, 1), make(chan any, 1)
			c.conn.SetCloseHandler(func(code int, _ string) error { closed <- code; return nil })
			_ = sock.On("disconnect", func(args ...any) { gone <- args[0] })
			test.send(c)
			if code, reason := await.Value(t, closed), await.Value(t, gone); code != test.code || reason != test.reason {
				t.Errorf("closed with %d, %v", code, reason)
			}
		})
	}
}

func TestDeflate(t *testing.T) {
	options := socket.DefaultServerOptions()
	options.SetPerMessageDeflate(&types.PerMessageDeflate{Threshold: 100})
	s := serveWith(t, options, lonely{})
	first, _ := s.client("/") // comes in past the acceptor
	first.close()
	await.Condition(t, "gone", func() bool { return s.Sockets().Sockets().Len() == 0 })
	dialer := &websocket.Dialer{EnableCompression: true}
	long := strings.Repeat("long ", 1000)
	for i := range 2 {
		d := websocket.DefaultDialer
		if i == 0 {
			d = dialer
		}
		c := s.dialWith(d, "EIO=4")
		sock := s.connect(c)
		echo := make(chan any, 1)
		_ = sock.On("echo", func(args ...any) { echo <- args[0] })
		before := s.constructor.ClientStats().Bytes
		s.Emit("e", long)
		s.Emit("b", long, []byte(long))
		_ = sock.Emit("own", long)
		c.expect(text(`2["e","`+long+`"]`),
			text(`51-["b","`+long+`",{"_placeholder":true,"num":0}]`), binary(long),
			text(`2["own","`+long+`"]`))
		_ = sock.Emit("end")
		c.expect(text(`2["end"]`)) // a write begins when the one before has been counted
		if n := s.constructor.ClientStats().Bytes - before; (n < 10_000) != (i == 0) {
			t.Errorf("client %d: %d bytes written", i, n)
		}
		s.Compress(false).Emit("plain", long)
		_ = sock.Compress(false).Emit("plain", long)
		c.expect(text(`2["plain","`+long+`"]`), text(`2["plain","`+long+`"]`))
		c.send(`2["echo","` + long + `"]`)
		if got := await.Value(t, echo); got != long {
			t.Errorf("client %d: %.50v", i, got)
		}
	}
}

func TestTLS(t *testing.T) {
	options := socket.DefaultServerOptions()
	options.SetAdapter(New(lonely{}))
	io := socket.NewServer(nil, options)
	s := &server{Server: io, t: t, http: httptest.NewTLSServer(io.ServeHandler(nil)), listening: make(chan struct{}, 1000)}
	_ = io.Engine().On("connection", func(...any) { s.listening <- struct{}{} })
	t.Cleanup(s.stop)
	c := s.dialWith(&websocket.Dialer{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, "EIO=4")
	sock := s.connect(c)
	if !sock.Handshake().Secure {
		t.Error("not secure")
	}
	for i := range 100 {
		s.Emit("e", i)
		_ = sock.Emit("e", i, []byte("b"))
	}
	for i := range 100 {
		c.expect(text(`2["e",`+jsonOf(i)+`]`), text(`51-["e",`+jsonOf(i)+`,{"_placeholder":true,"num":0}]`), binary("b"))
	}
	sock.Disconnect(true)
	c.expect(text("1"))
	ended(t, c.done)
}

// TestRevision3: attachments have their type in front, or are base64, and so take
// the library's way.
func TestRevision3(t *testing.T) {
	options := socket.DefaultServerOptions()
	options.SetAllowEIO3(true)
	s := serveWith(t, options, lonely{})
	for _, query := range []string{"EIO=3", "EIO=3", "EIO=3&b64=1", "EIO=4&b64=1"} {
		c := s.dial(query)
		others := make(chan string, 10)
		c.other.Store(new(func(packet string) { others <- packet }))
		if query == "EIO=4&b64=1" {
			c.connect("")
		} else {
			c.expect(text("0"))
		}
		s.Emit("e", []byte("x"))
		c.expect(text(`51-["e",{"_placeholder":true,"num":0}]`))
		switch query {
		case "EIO=3":
			c.expect(binary("\x04x"))
			_ = c.write(websocket.TextMessage, "2")
			if got := await.Value(t, others); got != "3" {
				t.Errorf("pinged, got %q", got)
			}
		case "EIO=3&b64=1":
			if got := await.Value(t, others); got != "b4eA==" {
				t.Error(got)
			}
		case "EIO=4&b64=1":
			if got := await.Value(t, others); got != "beA==" {
				t.Error(got)
			}
		}
		c.close()
	}
}

// TestHeartbeat: clients that answer stay, others go.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	options := socket.DefaultServerOptions()
	options.SetPingInterval(50 * time.Millisecond)
	options.SetPingTimeout(pongTime)
	options.SetAllowEIO3(true)
	s := serveWith(t, options, lonely{})
	s.client("/")
	answering, lively := s.client("/")
	beats := make(chan struct{}, 100)
	_ = lively.Conn().On("heartbeat", func(...any) { beats <- struct{}{} })
	for _, query := range []string{"EIO=4", "EIO=3"} {
		gone := make(chan any, 1)
		listener := func(args ...any) {
			_ = args[0].(*socket.Socket).On("disconnect", func(args ...any) { gone <- args[0] })
		}
		_ = s.Once("connection", listener)
		silent := s.dialSilently(query)
		if query == "EIO=4" {
			_ = silent.WriteMessage(websocket.TextMessage, []byte("40"))
		}
		if reason := await.Value(t, gone); reason != "ping timeout" {
			t.Errorf("%s: gone because of %v", query, reason)
		}
	}
	for range 5 {
		await.Value(t, beats)
	}
	s.Emit("e")
	answering.expect(text(`2["e"]`))
}

// dialSilently opens a connection that nobody reads, so that it answers nothing.
func (s *server) dialSilently(query string) *websocket.Conn {
	s.t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.http.URL, "http")+"/socket.io/?transport=websocket&"+query, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	await.Value(s.t, s.listening)
	return conn
}

// TestSlowClient: it is cut, told of, and counted; others do not notice.
func TestSlowClient(t *testing.T) {
	var log coretest.Log
	s := serve(t, lonely{}, WithClientOptions(ClientOptions{QueueBytes: 1 << 20}), WithLogger(log.Logger()))
	c, _ := s.client("/")
	gone := make(chan []any, 1)
	var room atomic.Value
	_ = s.Once("connection", func(args ...any) {
		sock := args[0].(*socket.Socket)
		_ = sock.On("disconnect", func(args ...any) { gone <- args })
		room.Store(socket.Room(sock.Id()))
	})
	slow := s.dialSilently("EIO=4")
	_ = slow.WriteMessage(websocket.TextMessage, []byte("40"))
	await.Condition(t, "connected", func() bool { return room.Load() != nil })
	long := strings.Repeat("x", 1<<17)
	sent := 0
	for len(gone) == 0 && sent < 1000 {
		s.Emit("e", long)
		_ = s.To(room.Load().(socket.Room)).Volatile().Emit("v")
		c.expect(text(`2["e","` + long + `"]`))
		sent++
	}
	reason := await.Value(t, gone)
	if reason[0] != "transport error" {
		t.Errorf("gone because of %v", reason)
	}
	stats := s.constructor.ClientStats()
	if stats.Slow != 1 || stats.Dropped == 0 || !strings.Contains(log.String(), "slow client cut") {
		t.Errorf("%+v, log %q", stats, log.String())
	}
}

// TestEngineListeners: whoever listens to what the engine writes sees everything.
func TestEngineListeners(t *testing.T) {
	s := serve(t, lonely{})
	s.client("/")
	_, sock := s.client("/")
	var mu sync.Mutex
	seen := map[string]int{}
	count := func(name string) func(...any) {
		return func(...any) {
			mu.Lock()
			defer mu.Unlock()
			seen[name]++
		}
	}
	for _, name := range []types.EventName{"packetCreate", "flush", "drain"} {
		_ = sock.Conn().On(name, count(string(name)))
	}
	s.Emit("e")
	_ = sock.Emit("e")
	written := make(chan string, 1)
	sock.Conn().Send(types.NewStringBufferString(`2["direct"]`), nil, func(t transports.Transport) { written <- t.Name() })
	if got := await.Value(t, written); got != "websocket" {
		t.Error(got)
	}
	_ = s.Engine().On("flush", count("server's flush"))
	_ = s.Engine().On("drain", count("server's drain"))
	s.Emit("e")
	mu.Lock()
	defer mu.Unlock()
	want := map[string]int{"packetCreate": 4, "flush": 4, "drain": 4, "server's flush": 2, "server's drain": 2}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Errorf("seen %v, want %v", seen, want)
	}
}

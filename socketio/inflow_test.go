package socketio

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/await"
)

// flood is a client that sends events as fast as it can, and the server that gets
// them. The handler of the first one waits for release.
type flood struct {
	*party
	release chan struct{}
	sock    *socket.Socket
	arrived atomic.Int64 // messages
	handled atomic.Int64
	beats   atomic.Int64 // heartbeats that the server's engine socket knows of
	pings   atomic.Int64 // that the client got
	gone    chan []any   // arguments of "disconnect"

	writing sync.Mutex // one message, or one request with packets, at a time
	acks    chan string
}

// floodKinds are the ways on which the server reads.
var floodKinds = []struct {
	partyKind
	tls bool
}{
	{partyKind{"websocket/4", 4, false, true}, false},
	{partyKind{"websocket/4/tls", 4, false, true}, true},
	{partyKind{"websocket/3", 3, false, true}, false},
	{partyKind{"upgraded/4", 4, true, true}, false},
	{partyKind{"upgraded/3", 3, true, true}, false},
	{partyKind{"polling/4", 4, true, false}, false},
	{partyKind{"polling/3", 3, true, false}, false},
}

const floodLimit = 500

// pongTime is the ping timeout where a test waits for it; a busy machine needs it.
const pongTime = 3 * time.Second

func newFlood(t *testing.T, kind partyKind, secure bool) (*flood, *server) {
	return newFloodWith(t, kind, secure, 200*time.Millisecond, await.Patience)
}

func newFloodWith(t *testing.T, kind partyKind, secure bool, pingInterval, pingTimeout time.Duration) (*flood, *server) {
	options := lifeOptions()
	options.SetMaxHttpBufferSize(100_000)
	options.SetPingInterval(pingInterval)
	options.SetPingTimeout(pingTimeout)
	s := serveWith(t, options, lonely{}, WithClientOptions(ClientOptions{AheadPackets: floodLimit}))
	if secure {
		plain := s.http
		s.http = httptest.NewTLSServer(plain.Config.Handler)
		t.Cleanup(plain.Close)
	}
	f := &flood{release: make(chan struct{}), gone: make(chan []any, 10), acks: make(chan string, 100_000)}
	connected := make(chan *socket.Socket, 10)
	_ = s.On("connection", func(args ...any) {
		sock := args[0].(*socket.Socket)
		_ = sock.On("e", func(args ...any) {
			if f.handled.Add(1) == 1 {
				<-f.release
			}
			args[1].(socket.Ack)(args[:1], nil)
		})
		_ = sock.On("echo", func(args ...any) { args[0].(socket.Ack)(nil, nil) })
		_ = sock.On("disconnect", func(args ...any) { f.gone <- args })
		connected <- sock
	})
	s.Of("/b", nil)
	if secure {
		f.party = &party{t: t, server: s, eio: kind.eio}
		conn, _, err := secureDialer.Dial("ws"+strings.TrimPrefix(s.http.URL, "http")+"/socket.io/?EIO=4&transport=websocket", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		f.ws = conn
		f.send("40")
		f.until("40")
	} else {
		f.party = s.party(kind)
	}
	if f.ws != nil {
		_ = f.ws.SetReadDeadline(time.Time{})
	}
	f.sock = await.Value(t, connected)
	_ = f.sock.Conn().On("data", func(...any) { f.arrived.Add(1) })
	_ = f.sock.Conn().On("heartbeat", func(...any) { f.beats.Add(1) })
	return f, s
}

// talk answers pings, and passes on what the client gets, until the connection ends.
func (f *flood) talk() {
	defer close(f.acks)
	var pongs sync.WaitGroup
	defer pongs.Wait()
	for {
		packets, err := f.receive()
		if err != nil {
			return
		}
		for _, p := range packets {
			switch {
			case p == "2":
				f.pings.Add(1)
				pongs.Go(func() { f.say("3") })
			case strings.HasPrefix(p, "43"):
				f.acks <- p[2:]
			}
		}
	}
}

func (f *flood) receive() ([]string, error) {
	if f.ws != nil {
		_, message, err := f.ws.ReadMessage()
		return []string{string(message)}, err
	}
	response, err := http.Get(f.url + "&transport=polling")
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	body := string(text)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	if f.eio == 4 {
		return strings.Split(body, "\x1e"), nil
	}
	var packets []string
	for body != "" {
		length, rest, _ := strings.Cut(body, ":")
		n, err := strconv.Atoi(length)
		if err != nil {
			return nil, err
		}
		packets, body = append(packets, rest[:n]), rest[n:]
	}
	return packets, nil
}

// say sends packets, in one request if the client polls. The connection may have ended.
func (f *flood) say(packets ...string) {
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.ws == nil {
		response, err := http.Post(f.url+"&transport=polling", "text/plain;charset=UTF-8", strings.NewReader(f.payload(packets)))
		if err == nil {
			_ = response.Body.Close()
		}
		return
	}
	for _, p := range packets {
		if f.ws.WriteMessage(websocket.TextMessage, []byte(p)) != nil {
			return
		}
	}
}

// payload is what a request carries.
func (f *flood) payload(packets []string) string {
	if f.eio == 4 {
		return strings.Join(packets, "\x1e")
	}
	payload := ""
	for _, p := range packets {
		payload += strconv.Itoa(len(p)) + ":" + p
	}
	return payload
}

// pour sends so many events.
func (f *flood) pour(events int) {
	for i := 0; i < events; i += 50 {
		var packets []string
		for j := i; j < i+50; j++ {
			packets = append(packets, fmt.Sprintf(`42%d["e",%d]`, j, j))
		}
		f.say(packets...)
	}
}

// TestFlood: a client that sends faster than its handlers handle is not read from any
// more at the bound. It counts as alive meanwhile, others do not notice, and in the
// end all it has sent is handled, in order.
func TestFlood(t *testing.T) {
	for _, kind := range floodKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			// Pongs are behind the events: a busy machine has to read all of them in time.
			f, s := newFloodWith(t, kind.partyKind, kind.tls, 200*time.Millisecond, 2*pongTime)
			const events = 3000
			var clients sync.WaitGroup
			clients.Go(f.talk)
			clients.Go(func() { f.pour(events) })
			stop := make(chan struct{})
			if kind.eio == 3 {
				clients.Go(func() { f.ping(stop) })
			}
			await.Condition(t, "held back", func() bool { return s.constructor.ClientStats().Held == 1 })
			held := f.beats.Load()
			other := s.dialWith(secureDialer, "EIO=4")
			s.connect(other)
			for i := range 200 {
				other.send(fmt.Sprintf(`2%d["echo"]`, i))
				other.expect(text(fmt.Sprintf(`3%d[]`, i)))
			}
			for beats := range int64(3) { // of half the time for a pong each
				await.Condition(t, "it counts as alive", func() bool { return f.beats.Load() > held+beats })
			}
			// What one read brings comes on top, and what is sent with it.
			const most = floodLimit + (16<<10)/14 + 50
			if n := f.arrived.Load(); n < floodLimit || n > most {
				t.Errorf("%d packets have arrived", n)
			}
			if stats := s.constructor.ClientStats(); stats.Held != 1 || stats.Holds != 1 {
				t.Errorf("%+v", stats)
			}
			close(f.release)
			for i := range events {
				select {
				case got := <-f.acks:
					if want := fmt.Sprintf(`%d[%d]`, i, i); got != want {
						t.Fatalf("acknowledgement %q, not %q", got, want)
					}
				case reason := <-f.gone:
					t.Fatalf("gone: %v", reason)
				case <-time.After(await.Patience):
					t.Fatalf("no acknowledgement %d", i)
				}
			}
			await.Condition(t, "nobody held back", func() bool { return s.constructor.ClientStats().Held == 0 })
			close(stop)
			f.sock.Disconnect(true)
			clients.Wait()
		})
	}
}

// TestHeldClientIsPinged: a client gets its pings while it is held back, or it would
// give the server up, however rare they are.
func TestHeldClientIsPinged(t *testing.T) {
	for _, kind := range floodKinds {
		if kind.eio == 3 {
			continue // clients ping
		}
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			f, s := newFloodWith(t, kind.partyKind, kind.tls, pongTime*2/3, pongTime) // longer than a beat
			var clients sync.WaitGroup
			clients.Go(f.talk)
			clients.Go(func() { f.pour(2000) })
			await.Condition(t, "held back", func() bool { return s.constructor.ClientStats().Held == 1 })
			for held := f.pings.Load(); f.pings.Load() < held+2; {
				before := f.pings.Load()
				await.Condition(t, "a ping", func() bool { return f.pings.Load() > before })
			}
			if state := f.sock.Conn().ReadyState(); state != "open" || s.constructor.ClientStats().Held != 1 {
				t.Errorf("%s, %+v", state, s.constructor.ClientStats())
			}
			close(f.release)
			await.Condition(t, "nobody held back", func() bool { return s.constructor.ClientStats().Held == 0 })
			f.sock.Disconnect(true)
			clients.Wait()
		})
	}
}

// TestListenerInFront: a client is held back although somebody listens to its data whom
// the engine called before the Socket.IO server.
func TestListenerInFront(t *testing.T) {
	for _, kind := range floodKinds {
		if kind.tls || kind.eio == 3 {
			continue
		}
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := serveWith(t, lifeOptions(), lonely{}, WithClientOptions(ClientOptions{AheadPackets: 10}))
			var strange atomic.Pointer[string]
			_ = s.Engine().Once("connection", func(args ...any) {
				_ = args[0].(engine.Socket).On("data", func(args ...any) {
					if _, ok := args[0].(io.Reader); !ok {
						strange.Store(new(fmt.Sprintf("%T", args[0])))
					}
				})
			})
			release := make(chan struct{})
			_ = s.On("connection", func(args ...any) {
				_ = args[0].(*socket.Socket).On("e", func(...any) { <-release })
			})
			s.Of("/b", nil)
			f := &flood{party: s.party(kind.partyKind)}
			var sending sync.WaitGroup // a request is answered when its client is not held back any more
			sending.Go(func() { f.say(slices.Repeat([]string{`42["e"]`}, 20)...) })
			await.Condition(t, "held back", func() bool { return s.constructor.ClientStats().Held == 1 })
			if kind := strange.Load(); kind != nil {
				t.Errorf("the listener got a %s", *kind)
			}
			close(release)
			await.Condition(t, "nobody held back", func() bool { return s.constructor.ClientStats().Held == 0 })
			sending.Wait()
		})
	}
}

// TestPongOwedBeforeTheUpgrade: a client that owes a pong of a ping that it got by
// polling, and that is held back as soon as it is upgraded, counts as alive: the pong is
// behind what is not read.
func TestPongOwedBeforeTheUpgrade(t *testing.T) {
	t.Parallel()
	f, s := newFloodWith(t, partyKind{"polling/4", 4, true, false}, false, 200*time.Millisecond, pongTime)
	f.until("2")
	f.upgrade()
	f.send("5")
	await.Condition(t, "upgraded", func() bool { return f.sock.Conn().Upgraded() })
	_ = f.ws.SetReadDeadline(time.Time{})
	var clients sync.WaitGroup
	clients.Go(func() { f.pour(2000) })
	await.Condition(t, "held back", func() bool { return s.constructor.ClientStats().Held == 1 })
	clients.Go(f.talk)
	await.Condition(t, "it counts as alive", func() bool { return f.beats.Load() > 0 })
	close(f.release)
	await.Condition(t, "nobody held back", func() bool { return s.constructor.ClientStats().Held == 0 })
	if len(f.gone) > 0 {
		t.Errorf("gone: %v", <-f.gone)
	}
	f.sock.Disconnect(true)
	clients.Wait()
}

// ping is what a client of revision 3 does.
func (f *flood) ping(stop <-chan struct{}) {
	for tick := time.Tick(100 * time.Millisecond); ; {
		select {
		case <-tick:
			f.say("2")
		case <-stop:
			return
		}
	}
}

// TestFloodAndGo: a client that goes while it is held back is given up when it could
// have answered a ping, although its handlers are still at work; they get what has
// been read.
func TestFloodAndGo(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere it is known when something cannot be written")
	}
	for _, kind := range floodKinds {
		if !kind.ws {
			continue
		}
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			f, s := newFloodWith(t, kind.partyKind, kind.tls, 200*time.Millisecond, pongTime)
			conn := f.sock.Conn()
			poured := make(chan struct{})
			go func() {
				defer close(poured)
				f.pour(2000)
			}()
			await.Condition(t, "held back", func() bool { return s.constructor.ClientStats().Held == 1 })
			<-poured // into the network
			_ = f.ws.UnderlyingConn().Close()
			await.Condition(t, "given up", func() bool { return conn.ReadyState() == "closed" })
			if len(f.gone) > 0 {
				t.Errorf("before its handlers were through: %v", <-f.gone)
			}
			await.Condition(t, "not held back any more", func() bool { return s.constructor.ClientStats().Held == 0 })
			arrived := f.arrived.Load()
			close(f.release)
			await.Value(t, f.gone)
			if n := f.handled.Load(); n != arrived {
				t.Errorf("%d handled of %d", n, arrived)
			}
			await.Condition(t, "nobody held back", func() bool { return s.constructor.ClientStats().Held == 0 })
		})
	}
}

// TestCloseWhileHeld: a server that disconnects a client that is held back is done with
// it at once.
func TestCloseWhileHeld(t *testing.T) {
	for _, kind := range floodKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			f, s := newFlood(t, kind.partyKind, kind.tls)
			var clients sync.WaitGroup
			clients.Go(f.talk)
			clients.Go(func() { f.pour(2000) })
			await.Condition(t, "held back", func() bool { return s.constructor.ClientStats().Held == 1 })
			f.sock.Conn().Close(true)
			await.Condition(t, "closed", func() bool { return s.Engine().ClientsCount() == 0 })
			close(f.release)
			await.Value(t, f.gone)
			await.Condition(t, "nobody held back", func() bool { return s.constructor.ClientStats().Held == 0 })
			clients.Wait()
		})
	}
}

// TestBurst: a client that reads as fast as it can gets all of 40 MB that are emitted
// at once.
func TestBurst(t *testing.T) {
	s := serve(t, lonely{})
	c, _ := s.client("/")
	const events, size = 640, 62_500
	payload := strings.Repeat("x", size)
	for range events {
		_ = s.Emit("e", payload)
	}
	want := text(`2["e","` + payload + `"]`)
	for range events {
		c.expect(want)
	}
	if stats := s.constructor.ClientStats(); stats.Slow != 0 {
		t.Errorf("%+v", stats)
	}
}

// secureDialer takes any certificate.
var secureDialer = &websocket.Dialer{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}

package socketio

import (
	"context"
	"fmt"
	"net/http"
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

// party is a client of any revision and transport that says exactly what a test wants.
type party struct {
	t      *testing.T
	server *server
	eio    int
	url    string          // of its polls, once it has a session
	ws     *websocket.Conn // nil while it polls
}

// partyKind is how a client connects.
type partyKind struct {
	name  string
	eio   int
	polls bool // it begins with polling
	ws    bool // it ends up with a WebSocket
}

var partyKinds = []partyKind{
	{"websocket/4", 4, false, true},
	{"polling/4", 4, true, false},
	{"upgraded/4", 4, true, true},
	{"websocket/3", 3, false, true},
	{"polling/3", 3, true, false},
	{"upgraded/3", 3, true, true},
}

// party connects a client to the main namespace and to /b.
func (s *server) party(kind partyKind) *party {
	t := s.t.(*testing.T)
	t.Helper()
	p := &party{t: t, server: s, eio: kind.eio, url: fmt.Sprintf("%s/socket.io/?EIO=%d", s.http.URL, kind.eio)}
	if kind.polls {
		_, rest, _ := strings.Cut(p.poll(), `"sid":"`)
		sid, _, _ := strings.Cut(rest, `"`)
		p.url += "&sid=" + sid
	} else {
		p.dial()
	}
	if kind.eio == 4 {
		p.send("40")
	}
	p.until("40")
	p.send("40/b,")
	p.until("40/b")
	if kind.polls && kind.ws {
		p.upgrade()
		p.send("5")
		await.Condition(t, "upgraded", func() bool {
			conn, ok := s.Engine().Clients().Load(p.sid())
			return ok && conn.Upgraded()
		})
	}
	return p
}

func (p *party) sid() string {
	_, sid, _ := strings.Cut(p.url, "&sid=")
	return sid
}

func (p *party) dial() {
	p.t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(p.url, "http")+"&transport=websocket", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	p.ws = conn
	p.t.Cleanup(func() { _ = conn.Close() })
}

// upgrade opens the WebSocket and has it tried out.
func (p *party) upgrade() {
	p.t.Helper()
	p.dial()
	p.send("2probe")
	p.until("3probe")
}

// until reads until such a packet has come.
func (p *party) until(packet string) {
	p.t.Helper()
	for deadline := time.Now().Add(await.Patience); time.Now().Before(deadline); {
		text := ""
		if p.ws != nil {
			_ = p.ws.SetReadDeadline(deadline)
			_, message, err := p.ws.ReadMessage()
			if err != nil {
				p.t.Fatalf("%v instead of %q", err, packet)
			}
			text = string(message)
		} else {
			text = p.poll()
		}
		if strings.Contains(text, packet) {
			return
		}
	}
	p.t.Fatalf("%q has not come", packet)
}

func (p *party) poll() string {
	p.t.Helper()
	response, err := http.Get(p.url + "&transport=polling")
	return bodyOf(p.t, response, err)
}

// send sends packets: messages of a WebSocket, or one payload.
func (p *party) send(packets ...string) {
	p.t.Helper()
	if p.ws == nil {
		payload := strings.Join(packets, "\x1e")
		if p.eio == 3 {
			payload = ""
			for _, packet := range packets {
				payload += strconv.Itoa(len(packet)) + ":" + packet
			}
		}
		response, err := http.Post(p.url+"&transport=polling", "text/plain;charset=UTF-8", strings.NewReader(payload))
		bodyOf(p.t, response, err)
		return
	}
	for _, packet := range packets {
		if err := p.ws.WriteMessage(websocket.TextMessage, []byte(packet)); err != nil {
			p.t.Fatal(err)
		}
	}
}

// vanish is a tab that is closed.
func (p *party) vanish() {
	p.t.Helper()
	if p.ws != nil {
		_ = p.ws.UnderlyingConn().Close()
		return
	}
	conn, _ := p.server.Engine().Clients().Load(p.sid())
	for conn.ReadyState() == "open" {
		p.pollAndGo(conn)
		// Perhaps the poll was being answered when it was broken off.
		for end := time.Now().Add(200 * time.Millisecond); conn.ReadyState() == "open" && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
	}
}

// pollAndGo breaks a poll off that the server has, unless it is answered first.
func (p *party) pollAndGo(conn engine.Socket) {
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"&transport=polling", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
		}
	}()
	for tick := time.Tick(time.Millisecond); !conn.Transport().Writable(); {
		select {
		case <-over:
			return
		case <-tick:
		}
	}
	cancel()
	<-over
}

// diary is what the application of a server hears of one socket.
type diary struct {
	t    *testing.T
	sock *socket.Socket

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and replaced with each line
}

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
	close(d.more)
	d.more = make(chan struct{})
}

// await waits until a line begins so.
func (d *diary) await(prefix string) {
	d.t.Helper()
	deadline := time.After(await.Patience)
	for {
		d.mu.Lock()
		lines, more := slices.Clone(d.lines), d.more
		d.mu.Unlock()
		if slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, prefix) }) {
			return
		}
		select {
		case <-more:
		case <-deadline:
			d.t.Fatalf("no %q in %q", prefix, lines)
		}
	}
}

func (d *diary) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

// keepDiary listens to all that happens to a socket. The handler of the event "wait"
// waits for release, one of "e" only writes it down.
func keepDiary(t *testing.T, sock *socket.Socket, release <-chan struct{}) *diary {
	d := &diary{t: t, sock: sock, more: make(chan struct{})}
	state := func() string { return fmt.Sprintf("in %d rooms, connected %v", sock.Rooms().Len(), sock.Connected()) }
	sock.Join("room")
	_ = sock.On("disconnecting", func(args ...any) { d.add("disconnecting %v, %s", args[0], state()) })
	_ = sock.On("disconnect", func(args ...any) { d.add("disconnect %v, %s", args[0], state()) })
	_ = sock.On("error", func(...any) { d.add("error") })
	_ = sock.On("wait", func(...any) { d.add("waiting"); <-release; d.add("waited") })
	_ = sock.On("e", func(args ...any) { _ = sock.Emit("echo", args...); d.add("e %v", args[0]) })
	sock.Acks().Store(777, func(args []any, _ error) { d.add("ack %v", args[0]) })
	return d
}

// diaries keeps one of each socket, by namespace.
func (s *server) diaries(release <-chan struct{}) (main, other chan *diary) {
	t := s.t.(*testing.T)
	listen := func(nsp string) chan *diary {
		ch := make(chan *diary, 1000)
		_ = s.Of(nsp, nil).On("connection", func(args ...any) { ch <- keepDiary(t, args[0].(*socket.Socket), release) })
		return ch
	}
	return listen("/"), listen("/b")
}

// lifeOptions let everybody in.
func lifeOptions() *socket.ServerOptions {
	options := socket.DefaultServerOptions()
	options.SetAllowEIO3(true)
	options.SetMaxHttpBufferSize(10_000)
	return options
}

// way is a way to leave, in which the client has the last word.
type way struct {
	name   string
	reason string // in the main namespace
	only   func(k partyKind) bool
	leave  func(p *party, sock *socket.Socket)
	error  bool   // the sockets get "error" first
	polled string // the reason of clients that poll, if it is another one
	ping   bool   // the client does not answer pings
}

func onWebSocket(k partyKind) bool { return k.ws }
func onPolling(k partyKind) bool   { return !k.ws }

var waysToLeave = []way{
	{name: "tab closed", reason: "transport close", polled: "transport error", leave: func(p *party, _ *socket.Socket) { p.vanish() }},
	{name: "close frame", reason: "transport close", only: onWebSocket, leave: func(p *party, _ *socket.Socket) {
		_ = p.ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""))
	}},
	{name: "reset", reason: "transport close", only: onWebSocket, leave: func(p *party, _ *socket.Socket) {
		_ = p.ws.UnderlyingConn().(interface{ SetLinger(int) error }).SetLinger(0)
		_ = p.ws.UnderlyingConn().Close()
	}},
	{name: "CLOSE packet", reason: "transport close", only: onPolling, leave: func(p *party, _ *socket.Socket) { p.send("1") }},
	{name: "no packet of Engine.IO", reason: "parse error", leave: func(p *party, _ *socket.Socket) { p.send("z") }},
	{name: "no packet of Socket.IO", reason: "forced close", error: true, leave: func(p *party, _ *socket.Socket) {
		p.send("4?")
		if p.ws == nil {
			p.poll() // takes the packet CLOSE
		}
	}},
	{name: "unknown namespace", reason: "forced close", polled: "forced server close", leave: func(p *party, _ *socket.Socket) {
		p.send(`42/nope,["e",1]`)
		if p.ws == nil {
			p.poll()
		}
	}},
	{name: "CONNECT twice", reason: "forced close", polled: "forced server close", leave: func(p *party, _ *socket.Socket) {
		p.send(`40`)
		if p.ws == nil {
			p.poll()
		}
	}},
	{name: "wrong heartbeat", reason: "transport error", leave: func(p *party, _ *socket.Socket) { p.send(map[int]string{4: "2", 3: "3"}[p.eio]) }},
	{name: "frame without mask", reason: "transport error", only: onWebSocket, leave: func(p *party, _ *socket.Socket) {
		_, _ = p.ws.UnderlyingConn().Write([]byte{0x81, 1, '6'})
	}},
	{name: "too large", reason: "transport error", only: onWebSocket, leave: func(p *party, _ *socket.Socket) {
		p.send(`42["e","` + strings.Repeat("x", 20_000) + `"]`)
	}},
	{name: "ping timeout", reason: "ping timeout", ping: true, leave: func(p *party, _ *socket.Socket) {
		if p.eio == 3 {
			p.send("2") // the last one
		}
	}},
	{name: "connection closed by the server", reason: "forced close", leave: func(p *party, sock *socket.Socket) {
		sock.Conn().Close(false)
		if p.ws == nil {
			p.poll()
		}
	}},
}

// eventsFor are packets for a namespace that arrive before the client leaves: one whose
// handler takes its time, a hundred events, an acknowledgement.
func eventsFor(prefix string) (packets, want []string) {
	packets, want = []string{`42` + prefix + `["wait"]`}, []string{"waiting", "waited"}
	for i := range 100 {
		packets = append(packets, fmt.Sprintf(`42%s["e",%d]`, prefix, i))
		want = append(want, fmt.Sprintf("e %d", i))
	}
	return append(packets, `43`+prefix+`777["yes"]`), want
}

// isAck tells the line of the acknowledgement. The library handles that in front of
// events that wait, as Node's does.
func isAck(line string) bool { return line == "ack yes" }

// wholeLife checks what one socket's application has heard: all that arrived, in order,
// and then once that the client has gone.
func wholeLife(t *testing.T, d *diary, want []string, fails bool, reason string) {
	t.Helper()
	want = slices.Clone(want)
	if fails {
		want = append(want, "error")
	}
	want = append(want, "disconnecting "+reason+", in 2 rooms, connected true", "disconnect "+reason+", in 0 rooms, connected false")
	got := slices.DeleteFunc(d.all(), isAck)
	if !slices.Equal(got, want) {
		i := 0
		for i < min(len(got), len(want)) && got[i] == want[i] {
			i++
		}
		t.Errorf("%s: from line %d on\ngot  %q\nwant %q", d.sock.Nsp().Name(), i, got[i:], want[i:])
	}
	all := d.all()
	if i := slices.Index(all, "ack yes"); i < 0 || i > slices.IndexFunc(all, func(line string) bool { return strings.HasPrefix(line, "disconnecting") }) {
		t.Errorf("%s: the acknowledgement is not there in time", d.sock.Nsp().Name())
	}
}

// TestLastPackets: what a client has sent before it goes is handled, in order, however
// slow the handlers are; then its sockets leave, once, for the reason that Node gives.
func TestLastPackets(t *testing.T) {
	for _, kind := range partyKinds {
		for _, way := range waysToLeave {
			if way.only != nil && !way.only(kind) {
				continue
			}
			t.Run(kind.name+"/"+way.name, func(t *testing.T) {
				options := lifeOptions()
				if way.ping {
					t.Parallel()
					options.SetPingInterval(3 * time.Second) // in which a busy machine has to take all packets
					options.SetPingTimeout(200 * time.Millisecond)
				}
				s := serveWith(t, options, lonely{})
				s.Use(func(sock *socket.Socket, next func(*socket.ExtendedError)) {
					sock.Use(func(_ []any, next func(error)) { next(nil) })
					next(nil)
				})
				release := make(chan struct{})
				mains, others := s.diaries(release)
				p := s.party(kind)
				main, other := await.Value(t, mains), await.Value(t, others)
				conn := main.sock.Conn()
				var arrived atomic.Int32
				_ = conn.On("data", func(...any) { arrived.Add(1) })
				packets, want := eventsFor("")
				more, _ := eventsFor("/b,")
				p.send(append(packets, more...)...)
				main.await("waiting")
				other.await("waiting")
				await.Condition(t, "all arrived", func() bool { return int(arrived.Load()) == len(packets)+len(more) })
				way.leave(p, main.sock)
				await.Condition(t, "the connection ends", func() bool { return conn.ReadyState() == "closed" })
				if lines := slices.DeleteFunc(slices.Concat(main.all(), other.all()), isAck); len(lines) != 2 {
					t.Errorf("before the handlers are done: %q", lines)
				}
				close(release)
				main.await("disconnect ")
				other.await("disconnect ")
				s.Server.Close(nil)
				reason := way.reason
				if way.polled != "" && !kind.ws {
					reason = way.polled
				}
				wholeLife(t, main, want, way.error, reason)
				wholeLife(t, other, want, way.error, reason)
			})
		}
	}
}

// TestDisconnectBehindEvents: a client leaves a namespace, and enters it again at once,
// when its last events are not handled yet.
func TestDisconnectBehindEvents(t *testing.T) {
	for _, kind := range partyKinds {
		t.Run(kind.name, func(t *testing.T) {
			s := serveWith(t, lifeOptions(), lonely{})
			release := make(chan struct{})
			mains, others := s.diaries(release)
			p := s.party(kind)
			main, other := await.Value(t, mains), await.Value(t, others)
			packets, want := eventsFor("")
			p.send(append(packets, "41", "40", `42/b,["e",1]`)...)
			main.await("waiting")
			other.await("e 1") // by then the server has read them all
			if lines := slices.DeleteFunc(main.all(), isAck); len(lines) != 1 {
				t.Errorf("before the handler is done: %q", lines)
			}
			close(release)
			again := await.Value(t, mains)
			wholeLife(t, main, want, false, "client namespace disconnect")
			p.until("40")
			p.send(`42["e",2]`)
			again.await("e 2")
			if !other.sock.Connected() {
				t.Error("the other namespace has gone too")
			}
		})
	}
}

// TestBlockedHandler: a handler that blocks for ever holds up its own namespace alone.
func TestBlockedHandler(t *testing.T) {
	for _, kind := range partyKinds {
		t.Run(kind.name, func(t *testing.T) {
			s := serveWith(t, lifeOptions(), lonely{})
			release := make(chan struct{})
			mains, others := s.diaries(release)
			p := s.party(kind)
			main, other := await.Value(t, mains), await.Value(t, others)
			p.send(`42["wait"]`, `42/b,["e",1]`)
			main.await("waiting")
			other.await("e 1")
			p.vanish()
			other.await("disconnect ")
			await.Condition(t, "client forgotten", func() bool { return s.Engine().ClientsCount() == 0 && s.Engine().Clients().Len() == 0 })
			if lines := main.all(); len(lines) != 1 || !main.sock.Connected() {
				t.Errorf("%q, connected %v", lines, main.sock.Connected())
			}
			close(release)
			main.await("disconnect ")
		})
	}
}

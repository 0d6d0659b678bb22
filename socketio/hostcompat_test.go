package socketio

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
)

// A fault of the library is provoked with its remedy off, on whichever version the
// tests run with.
var faults = []struct {
	name   string
	remedy func(*hostcompat.Needs) *bool

	// mended provokes the fault and returns what is the case, in the end, if the
	// library is without it. clean is called afterwards.
	provoke func(t *testing.T, s *server) (mended func() bool, clean func())
}{
	{"HeldConnect", func(n *hostcompat.Needs) *bool { return &n.HeldConnect }, provokeEarlyEvent},
	{"DelayedPing", func(n *hostcompat.Needs) *bool { return &n.DelayedPing }, provokeFastPong},
	{"UpgradeEndsSocket", func(n *hostcompat.Needs) *bool { return &n.UpgradeEndsSocket }, provokeTransportsEnd},
	{"UpgradeEndsTransport", func(n *hostcompat.Needs) *bool { return &n.UpgradeEndsTransport }, provokeSocketsEnd},
	{"ProbeEnd", func(n *hostcompat.Needs) *bool { return &n.ProbeEnd }, provokeProbesEnd},
	{"TakenHidden", func(n *hostcompat.Needs) *bool { return &n.TakenHidden }, provokeGhostConnection},
	{"AnswersAgain", func(n *hostcompat.Needs) *bool { return &n.AnswersAgain }, provokeSecondAnswer},
}

// TestNeeds: the table of hostcompat says what the library that runs here is like. A
// remedy that the table has is needed, and one that it has not is not.
func TestNeeds(t *testing.T) {
	running := hostcompat.Running()
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			needs := running.Needs
			remedy := fault.remedy(&needs)
			needed := *remedy
			*remedy = false
			options := socket.DefaultServerOptions()
			options.SetPingInterval(1200 * time.Millisecond)
			options.SetPingTimeout(time.Second)
			s := serveWith(t, options, lonely{}, func(c *Constructor) { c.host.Needs = needs })
			mended, clean := fault.provoke(t, s)
			defer clean()
			if needed {
				time.Sleep(200 * time.Millisecond) // the fault stays, however long this is
				if mended() {
					t.Errorf("version %s does without", running.Version)
				}
				return
			}
			await.Condition(t, "what version "+running.Version+" is said to do", mended)
		})
	}
}

// provokeEarlyEvent has a client send an event as soon as it has the answer to its
// CONNECT. The server is held up right behind that until the event has come in.
func provokeEarlyEvent(t *testing.T, s *server) (mended func() bool, clean func()) {
	handled := make(chan struct{}, 1)
	_ = s.On("connection", func(args ...any) {
		_ = args[0].(*socket.Socket).On("early", func(...any) { handled <- struct{}{} })
	})
	conns := make(chan engine.Socket, 1)
	_ = s.Engine().Once("connection", func(args ...any) { conns <- args[0].(engine.Socket) })
	c := s.dial("EIO=4")
	conn := await.Value(t, conns)
	came := make(chan struct{}, 10)
	_ = conn.On("data", func(...any) { came <- struct{}{} })
	sent := make(chan struct{}, 10)
	_ = conn.On("drain", func(...any) {
		select {
		case sent <- struct{}{}:
			<-came // CONNECT
			<-came // the event
		default:
		}
	})
	c.connect("")
	c.send(`2["early"]`)
	await.Value(t, sent)
	select {
	case <-handled:
		return func() bool { return true }, func() {}
	case <-c.done:
		return func() bool { return false }, func() {}
	}
}

// provokeFastPong has a client answer a ping before the engine socket waits for that.
func provokeFastPong(t *testing.T, s *server) (mended func() bool, clean func()) {
	s.Engine().Opts().SetPingInterval(2500 * time.Millisecond)
	p, sock := s.polling()
	beat := make(chan struct{}, 10)
	_ = sock.Conn().On("heartbeat", func(...any) { beat <- struct{}{} })
	_ = sock.Conn().On("drain", func(...any) {
		select {
		case <-beat:
		case <-time.After(500 * time.Millisecond):
		}
	})
	gone := make(chan struct{})
	_ = sock.Conn().Once("close", func(...any) { close(gone) })
	if got := p.get(); got != "2" {
		t.Fatalf("got %q, want a ping", got)
	}
	p.post("3")
	select {
	case <-gone:
		return func() bool { return false }, func() {}
	case <-time.After(2400 * time.Millisecond): // the next ping is later
		return func() bool { return true }, func() {}
	}
}

// upgradeMeanwhile upgrades a client. meanwhile is called while the engine socket
// changes transports.
func upgradeMeanwhile(t *testing.T, s *server, meanwhile func(conn engine.Socket, next transports.Transport)) (engine.Socket, transports.Transport) {
	p, sock := s.polling()
	conn := sock.Conn()
	var next transports.Transport
	_ = conn.Once("upgrading", func(args ...any) {
		next = args[0].(transports.Transport)
		_ = conn.Transport().Once("close", func(...any) { meanwhile(conn, next) })
	})
	changed := make(chan struct{})
	_ = conn.Once("upgrade", func(...any) { close(changed) })
	w := p.probe()
	if got := p.get(); got != "6" {
		t.Fatal(got)
	}
	w.say("5")
	ended(t, changed)
	return conn, next
}

func provokeTransportsEnd(t *testing.T, s *server) (mended func() bool, clean func()) {
	conn, _ := upgradeMeanwhile(t, s, func(_ engine.Socket, next transports.Transport) { next.Close() })
	return func() bool { return conn.ReadyState() == "closed" }, func() { conn.Transport().Emit("close") }
}

func provokeSocketsEnd(t *testing.T, s *server) (mended func() bool, clean func()) {
	_, next := upgradeMeanwhile(t, s, func(conn engine.Socket, _ transports.Transport) { timeOut(s, conn.Id()) })
	return func() bool { return next.ReadyState() == "closed" }, func() { next.Close() }
}

// provokeProbesEnd ends an engine socket when it has answered the probe of an upgrade.
func provokeProbesEnd(t *testing.T, s *server) (mended func() bool, clean func()) {
	p, sock := s.polling()
	conn := sock.Conn()
	var tidy []types.EventListener // what the engine does at the end of an upgrade
	_ = conn.Once("upgrading", func(args ...any) {
		tidy = args[0].(transports.Transport).Listeners("close")
		conn.Close(true)
	})
	p.probe().ends()
	return func() bool { return !runs("utils.SetInterval") }, func() {
		for _, tidy := range tidy {
			tidy()
		}
		await.Condition(t, "the last interval", func() bool { return !runs("utils.SetInterval") })
	}
}

// provokeGhostConnection connects a server's first client.
func provokeGhostConnection(t *testing.T, s *server) (mended func() bool, clean func()) {
	s.connect(s.dial("EIO=4"))
	return func() bool { return s.Engine().ClientsCount() == 1 }, func() { s.Engine().Close() }
}

// provokeSecondAnswer has a server's first client refused, by AllowRequest as the library
// sees it.
func provokeSecondAnswer(t *testing.T, s *server) (mended func() bool, clean func()) {
	var errors atomic.Int32
	_ = s.Engine().On("connection_error", func(...any) { errors.Add(1) })
	header := http.Header{"Origin": {"http://elsewhere"}}
	if conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.http.URL, "http")+"/socket.io/?EIO=4&transport=websocket", header); err == nil {
		_ = conn.Close()
		t.Error("let in")
	}
	return func() bool { return errors.Load() == 1 }, func() {}
}

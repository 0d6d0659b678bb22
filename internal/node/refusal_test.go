package node_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/node"
)

func withToken(token string) func(*core.Config) {
	return func(cfg *core.Config) { cfg.AuthToken = token }
}

func TestTokens(t *testing.T) {
	for name, tokens := range map[string][2]string{
		"wrong":                  {"right", "wrong"},
		"missing at the dialler": {"", "right"},
		"missing at the other":   {"right", ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.start("a", withToken(tokens[0])), w.start("b", withToken(tokens[1]))
				within(5 * time.Minute)
				expect(t, "a's peers", len(a.Peers()), 0)
				expect(t, "b's peers", len(b.Peers()), 0)
				if n := a.RefusedWith(core.ErrUnauthorized); n < 5 || n > 30 {
					t.Errorf("%d tries in five minutes", n)
				}
				expect(t, "warnings of the dialler", a.logs.Count("WARN", "cannot link"), 1)
			})
		})
	}
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a", withToken("same")), w.start("b", withToken("same"))
		within(time.Second)
		expectMembers(t, a, b)
	})
}

// dial connects to a node; the test plays the peer.
func (w *world) dial(to string) core.Conn {
	w.t.Helper()
	conn, err := w.net.Transport("stranger").Dial(w.t.Context(), to)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close(core.CloseShutdown) })
	return conn
}

func send(t *testing.T, conn core.Conn, frames ...[]byte) {
	t.Helper()
	if err := conn.Send(t.Context(), frames); err != nil {
		t.Fatal(err)
	}
}

// closedWith receives until the connection ends, and returns the reason of the close.
func closedWith(t *testing.T, conn core.Conn) core.CloseReason {
	t.Helper()
	for {
		if _, err := conn.Recv(); err != nil {
			var closed *core.CloseError
			if !errors.As(err, &closed) {
				t.Fatalf("ended without a reason: %v", err)
			}
			return closed.CloseReason
		}
	}
}

func TestRefusedHellos(t *testing.T) {
	for name, c := range map[string]struct {
		frame []byte
		want  core.CloseReason
	}{
		"too small":         {[]byte{0}, core.CloseHelloInvalid},
		"empty":             {[]byte{}, core.CloseHelloInvalid},
		"message first":     {[]byte("\x01\x83\xa3uid\xa1q\xa3nsp\xa1/\xa4type\x02"), core.CloseHelloInvalid},
		"no uid":            {[]byte("\x00\x81\xa7address\xa6ws://x"), core.CloseHelloInvalid},
		"not decodable":     {[]byte{0, 0xc1}, core.CloseHelloInvalid},
		"own uid":           {node.HelloFrame("a", "ws://x", "secret"), core.CloseHelloInvalid},
		"token missing":     {node.HelloFrame("q", "ws://x", ""), core.CloseHelloInvalid},
		"wrong token":       {node.HelloFrame("q", "ws://x", "guess"), core.CloseHelloInvalid},
		"no common codec":   {node.HelloFrame("q", "ws://x", "secret", "gob"), core.CloseMismatch},
		"own uid, native":   {node.HelloFrame("a", "ws://x", "secret", "json"), core.CloseReason{Code: 1002, Text: "self"}},
		"a thousand pairs":  {[]byte{0, 0xde, 0xff, 0xff}, core.CloseHelloInvalid},
		"text, not a frame": {[]byte("GET / HTTP/1.1\r\n"), core.CloseHelloInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				a, b := w.start("a", withToken("secret")), w.start("b", withToken("secret"))
				within(time.Second)
				conn := w.dial("a")
				send(t, conn, c.frame)
				expect(t, "closed with", closedWith(t, conn), c.want)
				within(time.Second)
				expectMembers(t, a, b)
				expect(t, "refused", a.Stats().Refused, 1)
			})
		})
	}
}

func TestSilentStrangers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a", func(cfg *core.Config) { cfg.MaxHandshakes = 100 })
		var conns []core.Conn
		for range 100 {
			conns = append(conns, w.dial("a"))
		}
		within(10 * time.Millisecond)
		b := w.start("0") // dials, being smaller, and takes the place of the first
		within(10 * time.Millisecond)
		expectMembers(t, a, b)
		expect(t, "the first is closed with", closedWith(t, conns[0]), core.CloseBusy)
		expect(t, "refused", a.RefusedWith(core.ErrBusy), 1)
		began := time.Now()
		for _, conn := range conns[1:] {
			expect(t, "closed with", closedWith(t, conn), core.CloseHelloTimeout)
		}
		expect(t, "after", time.Since(began).Round(time.Second), 10*time.Second)
		expectMembers(t, a, b)
	})
}

// Bad frames of a peer that was let in are ignored, and do not disturb other peers.
func TestBadFramesAreIgnored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a"), w.start("b")
		within(10 * time.Millisecond)
		conn := w.dial("a")
		send(t, conn, node.HelloFrame("q", "ws://q", "", "json"))
		if _, err := conn.Recv(); err != nil {
			t.Fatal(err)
		}
		good, err := json.New().Append([]byte{1}, &core.Message{Kind: core.KindBroadcast, From: "q", Namespace: "/", Payload: coretest.Event("good")})
		forged, err2 := json.New().Append([]byte{1}, &core.Message{Kind: core.KindBroadcast, From: "b", Namespace: "/", Payload: coretest.Event("forged")})
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		send(t, conn, node.StartFrame("json"), []byte{}, []byte{1}, []byte{1, 0xc0}, []byte("\x01{}"), []byte("\x01null\n"),
			[]byte{0, 1, 2}, []byte{77}, forged, []byte{4}, []byte{5}, good)
		within(time.Second)
		expectList(t, "a heard", a.received(), "q: good")
		expectMembers(t, a, b)
		expect(t, "ignored", a.Stats().Ignored, 8)
		send(t, conn, []byte{3, 0xc1})
		expect(t, "a start that does not decode", closedWith(t, conn), core.CloseProtocolError)
	})
}

func TestMessageBeforeStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.start("a")
		conn := w.dial("a")
		send(t, conn, node.HelloFrame("q", "ws://q", "", "json"), []byte("\x01{}\n"))
		expect(t, "closed with", closedWith(t, conn), core.CloseProtocolError)
	})
}

func TestConfigIsChecked(t *testing.T) {
	good := core.Config{Transport: newWorld(t).net.Transport("a"), Codecs: []core.Codec{json.New()}}
	if _, err := node.New(good, nil); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*core.Config){
		"Transport":         func(c *core.Config) { c.Transport = nil },
		"Codecs":            func(c *core.Config) { c.Codecs = nil },
		"HeartbeatInterval": func(c *core.Config) { c.HeartbeatInterval = -1 },
		"HeartbeatTimeout":  func(c *core.Config) { c.HeartbeatTimeout = time.Second },
		"HandshakeTimeout":  func(c *core.Config) { c.HandshakeTimeout = -1 },
		"RequestTimeout":    func(c *core.Config) { c.RequestTimeout = -1 },
		"RedialMin":         func(c *core.Config) { c.RedialMin = -1 },
		"RedialMax":         func(c *core.Config) { c.RedialMax = time.Millisecond },
		"QueueBytes":        func(c *core.Config) { c.QueueBytes = -1 },
		"QueueMessages":     func(c *core.Config) { c.QueueMessages = -1 },
		"MaxQueueBytes":     func(c *core.Config) { c.QueueBytes, c.MaxQueueBytes = 100, 99 },
		"QueueMinRate":      func(c *core.Config) { c.QueueMinRate = -1 },
		"QueueSlowTime":     func(c *core.Config) { c.QueueSlowTime = -1 },
		"ResumeWindow":      func(c *core.Config) { c.ResumeWindow = -1 },
		"ReplayBytes":       func(c *core.Config) { c.ReplayBytes = 1<<20 - 1 },
		"InboxBytes":        func(c *core.Config) { c.InboxBytes = -1 },
		"MaxFrame":          func(c *core.Config) { c.MaxFrame = -1 },
		"MaxHandshakes":     func(c *core.Config) { c.MaxHandshakes = -1 },
	} {
		cfg := good
		change(&cfg)
		var bad *core.ConfigError
		if _, err := node.New(cfg, nil); !errors.As(err, &bad) || bad.Field != field || bad.Allowed == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
	reserved := good
	reserved.ID = "emitter"
	if _, err := node.New(reserved, nil); err == nil || !strings.HasPrefix(err.Error(), `ID: "emitter" is not allowed`) {
		t.Errorf("the name of emitters: %v", err)
	}
	twice := good
	twice.Codecs = []core.Codec{json.New(), json.New()}
	var bad *core.ConfigError
	if _, err := node.New(twice, nil); !errors.As(err, &bad) || bad.Field != "Codecs" {
		t.Errorf("a codec twice: %v", err)
	}
}

func TestTooLargeMessagesStayHere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.start("a", func(cfg *core.Config) { cfg.MaxFrame = 1000 }), w.start("b")
		within(time.Second)
		a.emit("before", strings.Repeat("x", 2000), "after")
		within(time.Second)
		expectList(t, "b", b.received(), "a: before", "a: after")
		expect(t, "logged", a.logs.Count("ERROR", "frame limit"), 1)
		expect(t, "dropped", a.Stats().Dropped, 1)
	})
}

// A member that says HELLO under many ids is refused when there are as many peers as there
// may be; those that are there stay, and may come back.
func TestPeersAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.make("a", func(cfg *core.Config) { cfg.HeartbeatInterval, cfg.HeartbeatTimeout = time.Hour, 2*time.Hour }) // nobody answers pings
		a.LimitPeers(10)
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		var conns []core.Conn
		for i := range 300 {
			conn := w.dial("a")
			conns = append(conns, conn)
			send(t, conn, node.ResumableHello(fmt.Sprint("q", i), fmt.Sprint("process ", i), "1"))
			if _, err := conn.Recv(); err != nil {
				t.Fatal(err)
			}
			if i >= 10 {
				expect(t, "closed with", closedWith(t, conn), core.CloseBusy)
			}
			within(time.Microsecond) // WELCOME comes before it is a peer
		}
		expect(t, "peers", len(a.Peers()), 10)
		expect(t, "refused", a.RefusedWith(core.ErrBusy), 290)
		conns[0].Close(core.CloseShutdown)
		within(time.Millisecond)
		again := w.dial("a")
		send(t, again, node.ResumableHello("q0", "process 0", "2"))
		if _, err := again.Recv(); err != nil {
			t.Fatal(err)
		}
		within(time.Millisecond)
		expect(t, "links of the first", a.Links("q0"), 1)
	})
}

package socketio

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
)

func TestRefusedByTheMesh(t *testing.T) {
	var log coretest.Log
	closed := opener(func(string, core.Host) (core.Adapter, error) { return nil, core.ErrClosed })
	s := serve(t, closed, WithLogger(log.Logger()))
	c, sock := s.client("/", "r")
	_ = s.To("r").Emit("e")
	c.expect(text(`2["e"]`))
	if n := s.Sockets().Adapter().ServerCount(); n != 1 {
		t.Errorf("%d servers", n)
	}
	s.Sockets().Adapter().AddAll("nobody", set("r"))
	if ids := idsOf(fetch(t, s.In("r"))); len(ids) != 1 || ids[0] != string(sock.Id()) {
		t.Errorf("fetched %v", ids)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), core.ErrClosed.Error()) {
		t.Errorf("log: %s", log.String())
	}
}

func TestOf(t *testing.T) {
	s := serve(t, lonely{})
	if got := Of(s.Of("/chat", nil)); got == nil || got.Namespace() != "/chat" {
		t.Errorf("Of gives %v", got)
	}
	if got := Of(s.Of(regexp.MustCompile("^/x"), nil)); got != nil {
		t.Errorf("of a parent namespace: %v", got)
	}
	if got := Of(newNamespace(t, nil)); got != nil {
		t.Errorf("of another adapter: %v", got)
	}
}

// TestSetAdapterLater: the library replaces adapters without closing them.
func TestSetAdapterLater(t *testing.T) {
	f := newFabric()
	s := start(t, socket.DefaultServerOptions())
	chat := s.Of("/chat", nil)
	constructor := New(f.node("node1"))
	for range 2 {
		s.SetAdapter(constructor)
	}
	s.SetAdapter(New(f.node("node1")))
	if n := len(f.others("/", "")) + len(f.others("/chat", "")); n != 2 {
		t.Errorf("%d namespaces open, want 2", n)
	}
	chat.Use(func(sock *socket.Socket, next func(*socket.ExtendedError)) { sock.Join("early"); next(nil) })
	c, _ := s.client("/chat")
	_ = chat.To("early").Emit("e")
	c.expect(text(`2/chat,["e"]`))
	s.stop()
	if n := len(f.others("/", "")) + len(f.others("/chat", "")); n != 0 {
		t.Errorf("%d namespaces open after Close", n)
	}
}

// TestNamespaceTakesItsPlace: the library can make a namespace anew while the old
// one, empty, still has its adapter open.
func TestNamespaceTakesItsPlace(t *testing.T) {
	f := newFabric()
	var log coretest.Log
	nsp := newNamespace(t, f.node("node1"), WithLogger(log.Logger()))
	again := socket.NewNamespace(nsp.Server(), "/")
	if log.String() != "" {
		t.Errorf("log: %s", log.String())
	}
	if n := len(f.others("/", "")); n != 1 {
		t.Errorf("%d open, want 1", n)
	}
	nsp.Adapter().Close() // again: nobody's business any more
	if n := len(f.others("/", "")); n != 1 {
		t.Errorf("%d open after closing the old one, want 1", n)
	}
	again.Adapter().Close()
	if n := len(f.others("/", "")); n != 0 {
		t.Errorf("%d open, want none", n)
	}
}

func TestTwoServersOfOneNode(t *testing.T) {
	f := newFabric()
	constructor := New(f.node("node1"))
	for i, want := range []int64{2, 1} { // with node2; on its own
		if i == 0 {
			newNamespace(t, f.node("node2"))
		}
		options := socket.DefaultServerOptions()
		options.SetAdapter(constructor)
		io := socket.NewServer(nil, options)
		t.Cleanup(func() { io.Close(nil) })
		if n := io.Sockets().Adapter().ServerCount(); n != want {
			t.Errorf("server %d sees %d servers, want %d", i, n, want)
		}
	}
}

// TestAfterClose: what still comes is done here.
func TestAfterClose(t *testing.T) {
	s := serve(t, newFabric().node("node1"))
	c, sock := s.client("/")
	s.Sockets().Adapter().Close()
	s.Emit("e")
	c.expect(text(`2["e"]`))
	sock.Join("r")
	_ = s.To("r").Emit("r")
	c.expect(text(`2["r"]`))
	outcome := make(chan error, 1)
	_ = s.ServerSideEmitWithAck("x")(func(_ []any, err error) { outcome <- err })
	if err := within(t, outcome); err != nil && !errors.Is(err, core.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

// reverse is a parser of an application's own: it writes the packet's data alone,
// reversed, as bytes.
type reverse struct{ parser.Parser }

func (reverse) NewEncoder() parser.Encoder { return reverseEncoder{} }

type reverseEncoder struct{}

func (reverseEncoder) Encode(p *parser.Packet) []types.BufferInterface {
	if p.Type != parser.EVENT {
		return parser.NewEncoder().Encode(p)
	}
	var out []byte
	for _, v := range p.Data.([]any) {
		if b, ok := v.([]byte); ok {
			v = "bytes " + string(b)
		}
		out = append([]byte(jsonOf(v)), out...)
	}
	return []types.BufferInterface{types.NewBytesBuffer(append(out, p.Nsp...))}
}

func TestParserOfOnesOwn(t *testing.T) {
	options := socket.DefaultServerOptions()
	options.SetParser(reverse{parser.NewParser()})
	s := serveWith(t, options, lonely{})
	c, _ := s.client("/")
	s.Emit("e", 1, []byte("b"))
	c.expect(binary(`"bytes b"1"e"/`))
}

// TestConnectionStateRecovery: the library then sends a socket's own events
// through the adapter, those with an acknowledgement too.
func TestConnectionStateRecovery(t *testing.T) {
	recovery := socket.DefaultConnectionStateRecovery()
	recovery.SetMaxDisconnectionDuration(1000)
	options := socket.DefaultServerOptions()
	options.SetConnectionStateRecovery(recovery)
	s := serveWith(t, options, lonely{})
	c, sock := s.client("/")
	_ = sock.Emit("plain")
	c.expect(text(`2["plain"]`))
	answers := make(chan []any, 1)
	sock.Timeout(time.Minute).EmitWithAck("q")(func(args []any, _ error) { answers <- args })
	id, _ := packetID(t, c.next().data, "2")
	c.send("3" + id + `["a","b"]`)
	if got := within(t, answers); len(got) != 2 || got[0] != "a" {
		t.Errorf("answer %v", got)
	}
}

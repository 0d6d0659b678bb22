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

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
	meshcluster "github.com/socketmesh/mesh/internal/cluster"
	meshnode "github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/transport/mem"
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
	if ids := idsOf(fetchSockets(t, s.In("r"))); len(ids) != 1 || ids[0] != string(sock.Id()) {
		t.Errorf("fetched %v", ids)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), core.ErrClosed.Error()) {
		t.Errorf("log: %s", log.String())
	}
}

// adapterOnly is an Opener without optional methods.
type adapterOnly struct{ open opener }

func (o adapterOnly) Adapter(namespace string, host core.Host) (core.Adapter, error) {
	return o.open(namespace, host)
}

// TestOpenerWithoutStandalone: such an Opener is good for namespaces that it opens, and
// says what is missing for those that it refuses.
func TestOpenerWithoutStandalone(t *testing.T) {
	s := serve(t, adapterOnly{opener(lonely{}.Adapter)})
	c, _ := s.client("/")
	s.Emit("e")
	c.expect(text(`2["e"]`))

	_, failure := attempt(t, New(adapterOnly{func(string, core.Host) (core.Adapter, error) { return nil, core.ErrClosed }}))
	if !errors.Is(failure, core.ErrClosed) || !strings.Contains(failure.Error(), "Standalone") {
		t.Errorf("the server failed with: %v", failure)
	}
}

// TestMeshShortcuts: the mesh's own adapter has the methods that spare this package work.
func TestMeshShortcuts(t *testing.T) {
	a := newNamespace(t, lonely{}).Adapter().(*adapter)
	if a.acker == nil || a.others == nil {
		t.Errorf("ackCollector %v, othersFetcher %v: the methods have another signature", a.acker, a.others)
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

// TestNewOfNil: mistakes in the program end it where they are made.
func TestNewOfNil(t *testing.T) {
	var noNode *meshnode.Node
	for _, c := range []struct {
		field string
		make  func()
	}{
		{"socketio.New", func() { New(nil) }},
		{"socketio.New", func() { New(noNode) }},
		{"socketio.WithLogger", func() { New(lonely{}, WithLogger(nil)) }},
		{"socketio.WrapAdapter", func() { New(lonely{}, WrapAdapter(nil)) }},
		{"socketio.WrapHost", func() { New(lonely{}, nil, WrapHost(nil)) }},
	} {
		func() {
			defer func() {
				err, _ := recover().(error)
				if bad, ok := errors.AsType[*core.ConfigError](err); !ok || bad.Field != c.field {
					t.Errorf("%s: panics with %v", c.field, err)
				}
			}()
			c.make()
		}()
	}
	New(lonely{}, nil, nil)
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

// attempt makes a server with a constructor, and returns what the attempt panics
// with.
func attempt(t *testing.T, constructor socket.AdapterConstructor) (io *socket.Server, failure error) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			failure = r.(error)
		}
	}()
	options := socket.DefaultServerOptions()
	options.SetAdapter(constructor)
	io = socket.NewServer(nil, options)
	t.Cleanup(func() { io.Close(nil) })
	return io, nil
}

// TestSecondServer: both have the namespace "/", which can be open once. Nobody can
// miss that.
func TestSecondServer(t *testing.T) {
	for name, constructors := range map[string]func(node Opener, opts ...Option) (first, second *Constructor){
		"one constructor": func(node Opener, opts ...Option) (*Constructor, *Constructor) { c := New(node, opts...); return c, c },
		"two constructors": func(node Opener, opts ...Option) (*Constructor, *Constructor) {
			return New(node, opts...), New(node, opts...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log coretest.Log
			node := coreNode(t)
			c1, c2 := constructors(node, WithLogger(log.Logger()))
			first, err := attempt(t, c1)
			if err != nil {
				t.Fatal(err)
			}
			if log.Count("ERROR", "") > 0 {
				t.Errorf("log of the first: %s", log.String())
			}
			_, err = attempt(t, c2)
			if !errors.Is(err, ErrSecondServer) {
				t.Fatalf("the second server: %v", err)
			}
			texts := []string{err.Error(), log.String()}
			if places := strings.Count(texts[0], "constructor_test.go:"); name == "one constructor" && places != 2 || places < 1 {
				t.Errorf("the error does not say where the servers were made: %v", err)
			}
			if log.Count("ERROR", "second Socket.IO server") != 1 || !strings.Contains(texts[1], "constructor_test.go:") {
				t.Errorf("log: %s", texts[1])
			}
			if Of(first.Of("/chat", nil)).ServerCount() != 1 || log.Count("ERROR", "") != 1 {
				t.Errorf("the first does not work: %s", log.String())
			}

			// A server may take the place of one that has been closed.
			first.Close(nil)
			if _, err := attempt(t, c2); err != nil {
				t.Errorf("behind one that was closed: %v", err)
			}
		})
	}
}

// TestSecondServerThatGoesOn: whoever survives the panic has a server that works
// without the mesh. It does not panic where clients open namespaces.
func TestSecondServerThatGoesOn(t *testing.T) {
	var log coretest.Log
	f := newFabric()
	constructor := New(f.node("node1"), WithLogger(log.Logger()))
	first := start(t, socket.DefaultServerOptions())
	first.SetAdapter(constructor)
	second := start(t, socket.DefaultServerOptions())
	func() {
		defer func() {
			if r, _ := recover().(error); !errors.Is(r, ErrSecondServer) {
				t.Errorf("SetAdapter panics with %v", r)
			}
		}()
		second.SetAdapter(constructor)
	}()
	c, _ := second.client("/chat", "r")
	_ = second.Of("/chat", nil).To("r").Emit("e")
	c.expect(text(`2/chat,["e"]`))
	if n := len(f.others("/", "")); n != 1 {
		t.Errorf("%d servers in the mesh", n)
	}
	if n := len(f.others("/chat", "")); n != 0 {
		t.Errorf("%d servers have /chat in the mesh", n)
	}
	if log.Count("ERROR", "second Socket.IO server") != 2 {
		t.Errorf("log: %s", log.String())
	}
}

// coreNode is a node that is not started.
func coreNode(t *testing.T) *meshnode.Node {
	t.Helper()
	node, err := meshnode.New(core.Config{Transport: mem.NewNetwork().Transport("a"), Codecs: []core.Codec{json.New()}}, meshcluster.New)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Shutdown(t.Context()) })
	return node
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
	if err := await.Value(t, outcome); err != nil && !errors.Is(err, core.ErrClosed) {
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
	if got := await.Value(t, answers); len(got) != 2 || got[0] != "a" {
		t.Errorf("answer %v", got)
	}
}

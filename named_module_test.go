package mesh_test

import (
	"net"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"go.uber.org/fx"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
)

func TestNamedModulesAreValid(t *testing.T) {
	type everything struct {
		fx.In
		Main    *mesh.Mesh
		Mesh    *mesh.Mesh                `name:"chat"`
		Node    *mesh.Mesh                `name:"chat"`
		Adapter socket.AdapterConstructor `name:"game"`
	}
	if err := fx.ValidateApp(mesh.Module, mesh.NamedModule("chat", free), mesh.NamedModule("game", free),
		fx.Invoke(func(everything) {})); err != nil {
		t.Error(err)
	}
}

func TestNamedModulesRefused(t *testing.T) {
	invoke := fx.Invoke(fx.Annotate(func(*mesh.Mesh) {}, fx.ParamTags(`name:"chat"`)))
	wantConfigError(t, fx.New(fx.NopLogger, mesh.NamedModule("", free)).Err(), "NamedModule", "a name")
	err := fx.New(fx.NopLogger, mesh.NamedModule("chat", mesh.Config{Codec: "morse"}), invoke).Err()
	wantConfigError(t, err, "Codec", "one of")
	if !strings.Contains(err.Error(), `name="chat"`) {
		t.Errorf("error %v does not name the mesh", err)
	}
	err = fx.New(fx.NopLogger, mesh.NamedModule("chat", free), mesh.NamedModule("chat", free), invoke).Err()
	if err == nil || !strings.Contains(err.Error(), `*mesh.Mesh[name="chat"]`) || !strings.Contains(err.Error(), "already provided") {
		t.Errorf("two of one name: %v", err)
	}
	err = fx.New(fx.NopLogger, mesh.Module, fx.Supply(free), invoke).Err()
	if err == nil || !strings.Contains(err.Error(), `missing type: *mesh.Mesh[name="chat"]`) {
		t.Errorf("a name that nobody has: %v", err)
	}
}

// TestNamedModuleIsIdleUnlessAskedFor, as Module is.
func TestNamedModuleIsIdleUnlessAskedFor(t *testing.T) {
	if err := fx.New(fx.NopLogger, mesh.NamedModule("chat", mesh.Config{Codec: "there is no such thing"})).Err(); err != nil {
		t.Error(err)
	}
}

// process is an application with two named meshes beside the one without a name.
type process struct {
	*application
	chat, game *socket.Server
}

func newProcess(t *testing.T, name string, main, chat, game *stage, delivered chan string) *process {
	t.Helper()
	p := &process{}
	type adapters struct {
		fx.In
		Chat socket.AdapterConstructor `name:"chat"`
		Game socket.AdapterConstructor `name:"game"`
	}
	module := func(of string, s *stage) fx.Option {
		return mesh.NamedModule(of, mesh.Config{AuthToken: of},
			mesh.WithTransport(s.network.Transport(name)),
			mesh.WithDiscovery(s.roster.Discovery()),
			mesh.WrapHost(func(_ string, inner core.Host) core.Host {
				return named{heard{inner, delivered}, name + "/" + of + ": "}
			}))
	}
	p.application = main.application(t, name, module("chat", chat), module("game", game),
		fx.Invoke(func(in adapters, stopping fx.Lifecycle) {
			p.chat, p.game = serverWith(in.Chat), serverWith(in.Game)
			stopping.Append(fx.StopHook(func() { p.chat.Close(nil); p.game.Close(nil) }))
		}))
	return p
}

// named is heard with a name.
type named struct {
	heard
	name string
}

func (n named) Broadcast(event core.Payload, _ core.Target) { n.events <- n.name + string(event.Text) }

// TestMeshesOfOneApplication share neither parts nor peers nor events.
func TestMeshesOfOneApplication(t *testing.T) {
	main, chat, game := newStage(), newStage(), newStage()
	delivered := make(chan string, 10)
	a := newProcess(t, "a", main, chat, game, delivered)
	a.start(t)
	defer a.stop(t)
	b := newProcess(t, "b", main, chat, game, delivered)
	b.start(t)
	defer b.stop(t)
	for _, io := range []*socket.Server{a.io, a.chat, a.game} {
		meet(io.Sockets(), 2)
	}
	a.chat.Emit("hello")
	settle(a.chat.Sockets())
	b.game.Emit("go")
	settle(b.game.Sockets())
	for _, want := range []string{`a/chat: ["hello"]`, `b/chat: ["hello"]`, `b/game: ["go"]`, `a/game: ["go"]`} {
		if got := await.Value(t, delivered); got != want {
			t.Errorf("delivered %s, want %s", got, want)
		}
	}
	if n := len(a.delivered) + len(b.delivered) + len(delivered); n != 0 {
		t.Errorf("%d events too many", n)
	}
}

// TestNamedModulesWantPortsOfTheirOwn, and give back the ones they got.
func TestNamedModulesWantPortsOfTheirOwn(t *testing.T) {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := probe.Addr().String()
	probe.Close()
	cfg := mesh.Config{Listen: address, Discovery: mesh.DiscoveryStatic}
	app := fx.New(fx.NopLogger, mesh.NamedModule("chat", cfg), mesh.NamedModule("game", cfg),
		fx.Invoke(fx.Annotate(func(_, _ *mesh.Mesh) {}, fx.ParamTags(`name:"chat"`, `name:"game"`))))
	if err := app.Start(t.Context()); err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("start: %v, want an error that names %s", err, address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
}

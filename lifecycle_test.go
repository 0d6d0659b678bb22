package mesh_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/transport/mem"
)

// stage is a mesh in memory, for applications.
type stage struct {
	network *mem.Network
	roster  *coretest.Roster
}

func newStage() *stage { return &stage{mem.NewNetwork(), coretest.NewRoster()} }

// application has a Socket.IO server, and notes what it delivers.
type application struct {
	*fx.App
	io        *socket.Server
	node      *mesh.Mesh
	delivered chan string
}

func (s *stage) application(t *testing.T, name string, options ...fx.Option) *application {
	t.Helper()
	a := &application{delivered: make(chan string, 10_000)}
	a.App = fx.New(fx.NopLogger, mesh.Module, fx.Options(options...),
		mesh.UseTransport(s.network.Transport(name)),
		mesh.UseDiscovery(s.roster.Discovery()),
		mesh.ProvideHostWrapper(func(_ string, inner core.Host) core.Host { return heard{inner, a.delivered} }),
		fx.Provide(func(adapter socket.AdapterConstructor, stopping fx.Lifecycle) *socket.Server {
			io := serverWith(adapter)
			stopping.Append(fx.StopHook(func() { io.Close(nil) }))
			return io
		}),
		fx.Populate(&a.io, &a.node),
	)
	if err := a.Err(); err != nil {
		t.Fatal(err)
	}
	return a
}

// heard notes what a server delivers.
type heard struct {
	core.Host
	events chan string
}

func (h heard) Broadcast(event core.Payload, to core.Target) {
	h.events <- string(event.Text)
	h.Host.Broadcast(event, to)
}

// start starts an application with a context that ends as soon as it has.
func (a *application) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := a.Start(ctx); err != nil {
		t.Fatal(err)
	}
}

func (a *application) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// TestMeshOutlivesTheStartHook: contexts of hooks end when the hooks have run.
func TestMeshOutlivesTheStartHook(t *testing.T) {
	s := newStage()
	a := s.application(t, "a")
	a.start(t)
	defer a.stop(t)
	b := s.application(t, "b")
	b.start(t)
	defer b.stop(t)
	meet(a.io.Sockets(), 2)
	a.io.Emit("hello")
	if got := await.Value(t, b.delivered); got != `["hello"]` {
		t.Errorf("delivered %s", got)
	}
}

// TestStopSendsWhatIsLeft, and what the Socket.IO server still says while it is
// closed before the mesh.
func TestStopSendsWhatIsLeft(t *testing.T) {
	s := newStage()
	b := s.application(t, "b")
	b.start(t)
	defer b.stop(t)
	a := s.application(t, "a", fx.Invoke(func(io *socket.Server, stopping fx.Lifecycle) {
		stopping.Append(fx.StopHook(func() { io.Emit("last words") }))
	}))
	a.start(t)
	meet(a.io.Sockets(), 2)
	const events = 5_000
	for i := range events {
		a.io.Emit("e", i)
	}
	a.stop(t)
	for i := range events {
		if got, want := await.Value(t, b.delivered), fmt.Sprintf(`["e",%d]`, i); got != want {
			t.Fatalf("delivered %s, want %s", got, want)
		}
	}
	if got := await.Value(t, b.delivered); got != `["last words"]` {
		t.Errorf("delivered %s", got)
	}
}

// TestStopEndsWithItsContext, although the peer does not read.
func TestStopEndsWithItsContext(t *testing.T) {
	s := newStage()
	b := s.application(t, "b")
	b.start(t)
	a := s.application(t, "a")
	a.start(t)
	meet(a.io.Sockets(), 2)
	s.network.Hold("a", "b")
	for range 10 {
		a.io.Emit("large", string(make([]byte, 100<<10)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := a.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop: %v", err)
	}
	s.network.Heal("a", "b")
	b.stop(t)
	if err := a.node.Start(context.Background()); !errors.Is(err, core.ErrClosed) {
		t.Errorf("the node was not shut down: %v", err)
	}
}

// TestFailedStartLeavesNothing: what had started is stopped, and the port is free.
func TestFailedStartLeavesNothing(t *testing.T) {
	var node *mesh.Mesh
	broken := errors.New("the database is away")
	app := fx.New(fx.NopLogger, mesh.Module, fx.Supply(free), fx.Populate(&node),
		fx.Invoke(func(lifecycle fx.Lifecycle) {
			lifecycle.Append(fx.StartHook(func() error { return broken }))
		}))
	if err := app.Start(t.Context()); !errors.Is(err, broken) {
		t.Fatalf("start: %v", err)
	}
	listener, err := net.Listen("tcp", node.Addr())
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
}

func TestFailedStartOfTheMesh(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	stopped := false
	var node *mesh.Mesh
	app := fx.New(fx.NopLogger, mesh.Module, fx.Supply(mesh.Config{Listen: taken.Addr().String(), Discovery: mesh.DiscoveryStatic}),
		fx.Invoke(func(lifecycle fx.Lifecycle) { lifecycle.Append(fx.StopHook(func() { stopped = true })) }),
		fx.Populate(&node))
	if err := app.Start(t.Context()); err == nil {
		t.Fatal("started on a port that is taken")
	}
	if !stopped {
		t.Error("what had started before was not stopped")
	}
	if err := node.Start(t.Context()); !errors.Is(err, core.ErrClosed) {
		t.Errorf("the node can start again: %v", err)
	}
}

func TestLoggerOfTheApplication(t *testing.T) {
	var log coretest.Log
	fxtest.New(t, mesh.Module, mesh.NamedModule("second", free), fx.Supply(free), fx.Provide(log.Logger),
		fx.Invoke(fx.Annotate(func(_, _ *mesh.Mesh) {}, fx.ParamTags("", `name:"second"`))),
	).RequireStart().RequireStop()
	for _, want := range []string{`msg="node started"`, `msg="node stopped" mesh=second`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("log has no %s:\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "HOOK") {
		t.Errorf("fx logs there:\n%s", log.String())
	}
}

package mesh_test

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"go.uber.org/fx"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
)

// TestWrappersTakeWhatTheApplicationHas: parameter objects and concrete results too.
func TestWrappersTakeWhatTheApplicationHas(t *testing.T) {
	var seen []string
	type deps struct {
		fx.In
		Log  *slog.Logger
		Tags []string `optional:"true"`
	}
	var adapter socket.AdapterConstructor
	err := fx.New(fx.NopLogger, mesh.Module, fx.Supply(free), fx.Provide(newLog), fx.Populate(&adapter),
		mesh.ProvideAdapterWrapper(func(inner core.Adapter, in deps, log *slog.Logger) *audit {
			if in.Log == nil || in.Log != log || in.Tags != nil {
				t.Errorf("got %v and %v", in, log)
			}
			seen = append(seen, inner.Namespace())
			return &audit{inner, log}
		}, "/chat"),
		mesh.ProvideHostWrapper(func(namespace string, inner core.Host, log *slog.Logger) hostAudit {
			seen = append(seen, "host of "+namespace)
			return hostAudit{inner, log}
		}, "/chat"),
		mesh.ProvideAdapterWrapper(func(inner core.Adapter) core.Adapter { // the same as without fx
			seen = append(seen, inner.Namespace())
			return inner
		}, "/", "/x*"),
	).Err()
	if err != nil {
		t.Fatal(err)
	}
	io := serverWith(adapter)
	for _, namespace := range []string{"/chat", "/xy", "/other"} {
		io.Of(namespace, nil)
	}
	io.Close(nil)
	if want := []string{"/", "host of /chat", "/chat", "/xy"}; !slices.Equal(seen, want) {
		t.Errorf("wrapped: %q, want %q", seen, want)
	}
}

// TestWrapperOfTwoApplications: one option may be used more than once, at once too.
func TestWrapperOfTwoApplications(t *testing.T) {
	wrapper := mesh.ProvideAdapterWrapper(func(inner core.Adapter, got chan<- string) core.Adapter {
		got <- inner.Namespace()
		return inner
	})
	var work sync.WaitGroup
	defer work.Wait()
	for range 2 {
		got := make(chan string, 1)
		work.Go(func() {
			var adapter socket.AdapterConstructor
			if err := fx.New(fx.NopLogger, mesh.Module, fx.Supply(free), wrapper, fx.Populate(&adapter),
				fx.Provide(func() chan<- string { return got })).Err(); err != nil {
				t.Error(err)
				return
			}
			serverWith(adapter).Close(nil)
			if len(got) != 1 {
				t.Error("not wrapped")
			}
		})
	}
}

func TestNotConstructorsOfWrappers(t *testing.T) {
	want := "func(core.Adapter, …) core.Adapter"
	for _, ctor := range []any{
		nil, "audit", audit{},
		func() core.Adapter { return nil },
		func(*slog.Logger, core.Adapter) core.Adapter { return nil },
		func(core.Adapter) {},
		func(core.Adapter) string { return "" },
		func(core.Adapter) (core.Adapter, error) { return nil, nil },
		func(core.Adapter, ...string) core.Adapter { return nil },
		func(core.Host) core.Host { return nil },
	} {
		wantConfigError(t, fx.New(fx.NopLogger, mesh.ProvideAdapterWrapper(ctor)).Err(), "ProvideAdapterWrapper", want)
	}
	want = "func(string, core.Host, …) core.Host"
	for _, ctor := range []any{
		func(core.Host) core.Host { return nil },
		func(string) core.Host { return nil },
		func(core.Host, string) core.Host { return nil },
	} {
		wantConfigError(t, fx.New(fx.NopLogger, mesh.ProvideHostWrapper(ctor)).Err(), "ProvideHostWrapper", want)
	}
}

// TestWrapperNamesWhatIsMissing: fx knows that a constructor wants more.
func TestWrapperNamesWhatIsMissing(t *testing.T) {
	err := fx.New(fx.NopLogger, mesh.Module, mesh.ProvideAdapterWrapper(newAudit), fx.Invoke(func(*mesh.Mesh) {})).Err()
	if err == nil || !strings.Contains(err.Error(), "missing type: *slog.Logger") {
		t.Errorf("error %v", err)
	}
}

// TestWrappersThatMeet: fx keeps no order, so one namespace has one wrapper.
func TestWrappersThatMeet(t *testing.T) {
	adapter := func(a core.Adapter) core.Adapter { return a }
	host := func(_ string, h core.Host) core.Host { return h }
	for _, c := range []struct {
		a, b []string
		meet string // "" if they do not
	}{
		{nil, nil, "/*"},
		{nil, []string{"/chat"}, "/chat"},
		{[]string{"/chat"}, []string{"/", "/chat"}, "/chat"},
		{[]string{"/chat*"}, []string{"/chatter"}, "/chatter"},
		{[]string{"/chat-*"}, []string{"/cha*"}, "/chat-*"},
		{[]string{"/chat"}, []string{"/chatter", "/cha"}, ""},
		{[]string{"/chat-*"}, []string{"/chat", "/news-*"}, ""},
	} {
		for i, options := range []fx.Option{
			fx.Options(mesh.ProvideAdapterWrapper(adapter, c.a...), mesh.ProvideAdapterWrapper(adapter, c.b...), mesh.ProvideHostWrapper(host)),
			fx.Options(mesh.ProvideHostWrapper(host, c.a...), mesh.ProvideHostWrapper(host, c.b...), mesh.ProvideAdapterWrapper(adapter)),
		} {
			err := fx.New(fx.NopLogger, mesh.Module, options, fx.Invoke(func(*mesh.Mesh) {})).Err()
			if c.meet == "" {
				if err != nil {
					t.Errorf("%q and %q: %v", c.a, c.b, err)
				}
				continue
			}
			wantConfigError(t, err, []string{"ProvideAdapterWrapper", "ProvideHostWrapper"}[i], "make both in one constructor")
			if !strings.Contains(err.Error(), `"`+c.meet+`"`) {
				t.Errorf("%q and %q: %v does not name %s", c.a, c.b, err, c.meet)
			}
		}
	}
}

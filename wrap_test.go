package mesh_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
)

// opened makes a server of m's that has these namespaces beside "/", and closes it.
func opened(m *mesh.Mesh, namespaces ...string) {
	io := serverWith(m.Adapter())
	for _, namespace := range namespaces {
		io.Of(namespace, nil)
	}
	io.Close(nil)
}

func TestWrappersInOrder(t *testing.T) {
	var order []string
	adapter := func(name string) mesh.Option {
		return mesh.WrapAdapter(func(a core.Adapter) core.Adapter {
			order = append(order, name)
			return a
		})
	}
	host := func(name string) mesh.Option {
		return mesh.WrapHost(func(_ string, h core.Host) core.Host {
			order = append(order, name)
			return h
		})
	}
	m, err := mesh.New(free, adapter("inner"), host("inner host"), adapter("outer"), host("outer host"))
	if err != nil {
		t.Fatal(err)
	}
	opened(m)
	if want := []string{"inner host", "outer host", "inner", "outer"}; !slices.Equal(order, want) {
		t.Errorf("wrapped in the order %q, want %q", order, want)
	}
}

func TestWrappersOfChosenNamespaces(t *testing.T) {
	all := []string{"/", "/chat", "/chat/room", "/chatter", "/tenant-", "/tenant-1", "/ten"}
	for _, c := range []struct{ chosen, want []string }{
		{nil, all},
		{[]string{"/*"}, all},
		{[]string{"/"}, []string{"/"}},
		{[]string{"/chat"}, []string{"/chat"}},
		{[]string{"/chat*"}, []string{"/chat", "/chat/room", "/chatter"}},
		{[]string{"/chat/*", "/"}, []string{"/", "/chat/room"}},
		{[]string{"/tenant-*", "/elsewhere"}, []string{"/tenant-", "/tenant-1"}},
	} {
		var adapters, hosts []string
		m, err := mesh.New(free,
			mesh.WrapAdapter(func(a core.Adapter) core.Adapter {
				adapters = append(adapters, a.Namespace())
				return a
			}, c.chosen...),
			mesh.WrapHost(func(namespace string, h core.Host) core.Host {
				hosts = append(hosts, namespace)
				return h
			}, c.chosen...))
		if err != nil {
			t.Fatal(err)
		}
		opened(m, all[1:]...)
		if !slices.Equal(adapters, c.want) || !slices.Equal(hosts, c.want) {
			t.Errorf("%q: adapters of %q and hosts of %q, want %q", c.chosen, adapters, hosts, c.want)
		}
	}
}

func TestWrappersRefused(t *testing.T) {
	adapter := func(a core.Adapter) core.Adapter { return a }
	host := func(_ string, h core.Host) core.Host { return h }
	for _, c := range []struct {
		option         mesh.Option
		field, allowed string
	}{
		{mesh.WrapAdapter(nil), "WrapAdapter", "a function"},
		{mesh.WrapHost(nil), "WrapHost", "a function"},
		{mesh.WrapAdapter(adapter, "chat"), "WrapAdapter", `"/chat"`},
		{mesh.WrapHost(host, "/chat", "*"), "WrapHost", `"/chat"`},
	} {
		_, err := mesh.New(free, c.option)
		wantConfigError(t, err, c.field, c.allowed)
	}
}

// TestWrapperThatReturnsNil is logged with its namespace.
func TestWrapperThatReturnsNil(t *testing.T) {
	var log coretest.Log
	m, err := mesh.New(free, mesh.WithLogger(log.Logger()),
		mesh.WrapAdapter(func(core.Adapter) core.Adapter { return nil }, "/chat"))
	if err != nil {
		t.Fatal(err)
	}
	opened(m, "/chat")
	if got := log.String(); strings.Count(got, "level=ERROR") != 1 ||
		!strings.Contains(got, "namespace=/chat") || !strings.Contains(got, "wrapper of the adapter: it returned nil") {
		t.Errorf("log: %s", got)
	}
}

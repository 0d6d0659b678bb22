package emitter

import (
	"fmt"
	"slices"
	"testing"

	"github.com/zishang520/socket.io/v3/pkg/types"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script runs the same calls on any emitter, and returns what came of them.
func script(e types.EventEmitter) (log []string) {
	note := func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }
	a := func(args ...any) { note("a %v", args) }
	b := func(args ...any) { note("b %v", args) }
	nested := func(...any) { note("nested"); e.Emit("x", "inner") }
	remover := func(...any) { e.RemoveListener("x", a); note("removed") }
	panics := func(...any) { panic("listener") }

	e.Emit("x", 1)
	note("%v %v", e.On("x", a, nil, b), e.ListenerCount("x"))
	e.Emit("x", 1, 2)
	_ = e.Once("x", nested)
	_ = e.AddListener("x", panics)
	_ = e.On("x", remover)
	e.Emit("x", "outer")
	e.Emit("x", "again")
	note("%v %v %v", e.ListenerCount("x"), e.ListenerCount("y"), len(e.Listeners("x")))
	note("%v %v", e.RemoveListener("x", a), e.RemoveListener("x", nil))
	_ = e.On("z", a)
	names := e.EventNames()
	slices.Sort(names)
	note("%v %v", names, e.Len())
	note("%v %v", e.RemoveAllListeners("z"), e.RemoveAllListeners("z"))
	e.Clear()
	e.Emit("x", "nobody")
	note("%v", e.Len())
	return log
}

// TestAsTheLibrary: it does what the library's does.
func TestAsTheLibrary(t *testing.T) {
	want, got := script(types.NewEventEmitter()), script(new(Emitter))
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestEmitIsFree(t *testing.T) {
	var e Emitter
	_ = e.On("x", func(...any) {})
	args := []any{1}
	if n := testing.AllocsPerRun(100, func() { e.Emit("x", args...) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { e.EmitOne("nobody", &args) }); n > 0 {
		t.Errorf("%v allocations for nobody", n)
	}
}

func TestEmitOne(t *testing.T) {
	var e Emitter
	var got []any
	_ = e.Once("x", func(args ...any) { got = append(got, args...) })
	e.EmitOne("x", 1)
	e.EmitOne("x", 2)
	if !slices.Equal(got, []any{1}) {
		t.Error(got)
	}
}

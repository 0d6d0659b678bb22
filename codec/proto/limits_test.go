package proto

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/codec/codectest"
	"github.com/socketmesh/mesh/core"
)

// TestLimits: messages just within the limits are read.
func TestLimits(t *testing.T) {
	const depth = 10000
	text := strings.Repeat("[", depth) + strings.Repeat("]", depth)
	var m core.Message
	if err := New().Decode(append(behind(12, messageRequestID, "q", messagePayload, event(text)), groups(depth)...), &m); err != nil || string(m.Payload.Text) != text {
		t.Errorf("%v; %d bytes of text", err, len(m.Payload.Text))
	}
}

// TestClaims: no memory is allocated for sockets that are claimed and do not follow.
func TestClaims(t *testing.T) {
	src := behind(8, messageRequestID, "q")
	for range 1 << 20 {
		src = append(src, wire(messageSockets, "")...)
	}
	taken, err := memoryOf(src)
	if !errors.Is(err, core.ErrMalformed) {
		t.Fatal(err)
	}
	if taken > 4*uint64(len(src)) {
		t.Errorf("%d bytes of input took %d bytes of memory", len(src), taken)
	}
}

// TestOneCopy: a large payload is copied once.
func TestOneCopy(t *testing.T) {
	const size = 1 << 20
	src, err := New().Append(nil, codectest.Broadcast(core.Payload{Text: []byte(`["` + strings.Repeat("e", size) + `"]`)}))
	if err != nil {
		t.Fatal(err)
	}
	taken, err := memoryOf(src)
	if err != nil || taken > size*5/4 {
		t.Errorf("%d bytes of payload took %d bytes of memory: %v", size, taken, err)
	}
}

// memoryOf decodes src and tells how much memory that took.
func memoryOf(src []byte) (taken uint64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = New().Decode(src, new(core.Message))
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, err
}

// TestAllocations: Append needs none, Decode one for each list, for the strings of
// a message and of each socket, and for each payload.
func TestAllocations(t *testing.T) {
	for _, c := range []struct {
		message *core.Message
		decode  float64
	}{
		{codectest.Broadcast(core.Payload{Text: []byte(`["chat message",{"text":"hello"}]`)}), 3},
		{codectest.Broadcast(core.Payload{Text: []byte(`["e",{"_placeholder":true,"num":0}]`), Attachments: make([][]byte, 5)}), 4},
		{codectest.Response(10), 2 + 10*5},
	} {
		dst := make([]byte, 0, 64<<10)
		var src []byte
		if n := testing.AllocsPerRun(100, func() { src, _ = New().Append(dst, c.message) }); n != 0 {
			t.Errorf("%s: Append allocates %v times", c.message.Kind, n)
		}
		var m core.Message
		if n := testing.AllocsPerRun(100, func() { _ = New().Decode(src, &m) }); n > c.decode {
			t.Errorf("%s: Decode allocates %v times, want at most %v", c.message.Kind, n, c.decode)
		}
	}
}

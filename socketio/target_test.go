package socketio

import (
	"reflect"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

func TestTargetOf(t *testing.T) {
	yes, no := true, false
	second, negative := time.Second, -time.Second
	flags := func(set func(*socket.BroadcastFlags)) *socket.BroadcastOptions {
		f := &socket.BroadcastFlags{}
		set(f)
		return &socket.BroadcastOptions{Flags: f}
	}
	for name, test := range map[string]struct {
		opts *socket.BroadcastOptions
		want core.Target
	}{
		"nil":      {nil, core.Target{}},
		"empty":    {&socket.BroadcastOptions{Rooms: set(), Except: set()}, core.Target{}},
		"rooms":    {&socket.BroadcastOptions{Rooms: set("r"), Except: set("x")}, core.Target{Rooms: []string{"r"}, Except: []string{"x"}}},
		"volatile": {flags(func(f *socket.BroadcastFlags) { f.Volatile = true }), core.Target{Flags: core.Flags{Volatile: true}}},
		"local":    {flags(func(f *socket.BroadcastFlags) { f.Local = true }), core.Target{Flags: core.Flags{Local: true}}},
		"single":   {flags(func(f *socket.BroadcastFlags) { f.ExpectSingleResponse = true }), core.Target{Flags: core.Flags{ExpectSingleResponse: true}}},
		"compress": {flags(func(f *socket.BroadcastFlags) { f.Compress = &yes }), core.Target{Flags: core.Flags{Compress: core.CompressOn}}},
		"plain":    {flags(func(f *socket.BroadcastFlags) { f.Compress = &no }), core.Target{Flags: core.Flags{Compress: core.CompressOff}}},
		"timeout":  {flags(func(f *socket.BroadcastFlags) { f.Timeout = &second }), core.Target{Flags: core.Flags{Timeout: time.Second}}},
		"negative": {flags(func(f *socket.BroadcastFlags) { f.Timeout = &negative }), core.Target{}},
	} {
		if got := targetOf(test.opts); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestWriteOptions(t *testing.T) {
	if o := writeOptions(core.Flags{}); o.Compress != nil || o.Volatile || !o.PreEncoded {
		t.Errorf("no flags: %+v", o)
	}
	if o := writeOptions(core.Flags{Compress: core.CompressOff, Volatile: true}); *o.Compress || !o.Volatile {
		t.Errorf("volatile, not compressed: %+v", o)
	}
	if o := writeOptions(core.Flags{Compress: core.CompressOn}); !*o.Compress {
		t.Errorf("compressed: %+v", o)
	}
}

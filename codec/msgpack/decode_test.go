package msgpack

import (
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/msgpack"
)

// pack encodes values as they are, keys of maps included, as another encoder might. A
// pack is a value that is encoded already.
type pack []byte

type object []any // key, value, key, value, …

func encode(v any) pack { return appendAny(nil, v) }

func appendAny(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return msgpack.AppendNil(b)
	case bool:
		return msgpack.AppendBool(b, v)
	case int:
		return msgpack.AppendInt(b, int64(v))
	case float64:
		return msgpack.AppendFloat(b, v)
	case string:
		return msgpack.AppendString(b, v)
	case []byte:
		return msgpack.AppendBytes(b, v)
	case pack:
		return append(b, v...)
	case []any:
		b = msgpack.AppendArrayHeader(b, len(v))
		for _, e := range v {
			b = appendAny(b, e)
		}
		return b
	case object:
		b = msgpack.AppendMapHeader(b, len(v)/2)
		for _, e := range v {
			b = appendAny(b, e)
		}
		return b
	}
	panic("no form")
}

// message is a MESH payload around data.
func message(kind int, data any) pack {
	return encode(object{"type", kind, "data", data, "uid", "u", "nsp", "/"})
}

var event = []any{"e"}

func broadcast(opts any) pack {
	return message(3, object{"opts", object{}, "packet", object{"type", 2, "data", event}, "opts", opts})
}

func TestLeniency(t *testing.T) {
	plain := core.Message{Kind: core.KindBroadcast, From: "u", Namespace: "/", Payload: core.Payload{Text: []byte(`["e"]`)}}
	with := func(change func(*core.Message)) core.Message {
		m := plain
		change(&m)
		return m
	}
	flagged := func(f core.Flags) core.Message { return with(func(m *core.Message) { m.To.Flags = f }) }
	packet := object{"type", 2, "data", event}
	flags := func(pairs ...any) pack { return broadcast(object{"flags", object(pairs)}) }

	for _, c := range []struct {
		name string
		src  pack
		want core.Message
	}{
		{"other order", encode(object{"nsp", "/", "uid", "u", "data", object{"opts", object{}, "packet", object{"data", event, "type", 2}}, "type", 3}), plain},
		{"unknown members", encode(object{"x", []any{1, object{1, 2}}, "type", 3, "data", object{"y", nil, "packet", object{"z", 1, "type", 2, "data", event, "nsp", "/x"}, "opts", object{"q", 1}}, "uid", "u", "nsp", "/"}), plain},
		{"members of other kinds", message(3, object{"opts", object{}, "packet", packet, "rooms", 7, "close", "x", "sockets", nil}), plain},
		{"data where none is due", message(2, []any{1, 2}), core.Message{Kind: core.KindHeartbeat, From: "u", Namespace: "/"}},
		{"nil in opts", broadcast(object{"rooms", nil, "except", nil, "flags", nil}), plain},
		{"no packet type", message(3, object{"opts", object{}, "packet", object{"data", event}}), plain},
		{"nil request id", message(3, object{"opts", object{}, "packet", packet, "requestId", nil}), plain},
		{"empty request id", message(3, object{"opts", object{}, "packet", packet, "requestId", ""}), plain},
		{"wide integers", encode(object{"type", pack{0xcf, 0, 0, 0, 0, 0, 0, 0, 3}, "data", object{"packet", packet, "opts", object{}}, "uid", "u", "nsp", "/"}), plain},
		{"numbers as rooms", broadcast(object{"rooms", []any{1, 1.5, -7, "x"}, "except", []any{2.0}}),
			with(func(m *core.Message) {
				m.To = core.Target{Rooms: []string{"1", "1.5", "-7", "x"}, Except: []string{"2"}}
			})},
		{"rooms that are not UTF-8", broadcast(object{"rooms", []any{"a\xffb"}}), with(func(m *core.Message) { m.To.Rooms = []string{"a\uFFFDb"} })},

		{"flags false", flags("volatile", false, "compress", false, "expectSingleResponse", false), flagged(core.Flags{Compress: core.CompressOff})},
		{"flags of other types", flags("volatile", 1, "compress", "x", "expectSingleResponse", nil, "timeout", "5", "local", true, "other", true), plain},
		{"flags no map", broadcast(object{"flags", []any{1}}), plain},
		{"timeout as a float", flags("timeout", 500.2), flagged(core.Flags{Timeout: 501 * time.Millisecond})},
		{"negative timeout", flags("timeout", -1), plain},
		{"no timeout", flags("timeout", 0), plain},
		{"timeout not a number", flags("timeout", math.NaN()), plain},
		{"timeout true", flags("timeout", true), plain},
		{"huge timeout", flags("timeout", pack{0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), flagged(core.Flags{Timeout: maxTimeout})},
		{"endless timeout", flags("timeout", math.Inf(1)), flagged(core.Flags{Timeout: maxTimeout})},
		{"timeout of a timer's length", flags("timeout", math.MaxInt32), flagged(core.Flags{Timeout: maxTimeout})},
		{"timeout of a nanosecond", flags("timeout", 1e-6), flagged(core.Flags{Timeout: time.Millisecond})},

		{"no close", message(6, object{"opts", object{}}), core.Message{Kind: core.KindDisconnectSockets, From: "u", Namespace: "/"}},
		{"nil close", message(6, object{"opts", object{}, "close", nil}), core.Message{Kind: core.KindDisconnectSockets, From: "u", Namespace: "/"}},
		{"leave nothing", message(5, object{"opts", object{}, "rooms", []any{}}), core.Message{Kind: core.KindSocketsLeave, From: "u", Namespace: "/", Rooms: []string{}}},
		{"join nil", message(4, object{"opts", object{}, "rooms", nil}), core.Message{Kind: core.KindSocketsJoin, From: "u", Namespace: "/", Rooms: []string{}}},
		{"count as a float", message(11, object{"requestId", "r", "clientCount", 3.0}), core.Message{Kind: core.KindBroadcastClientCount, From: "u", Namespace: "/", RequestID: "r", Count: 3}},
		{"acknowledgement without packet", message(12, object{"requestId", "r"}), core.Message{Kind: core.KindBroadcastAck, From: "u", Namespace: "/", RequestID: "r"}},
		{"answer nil", message(10, object{"requestId", "r", "packet", nil}),
			core.Message{Kind: core.KindServerSideEmitResponse, From: "u", Namespace: "/", RequestID: "r", Payload: core.Payload{Text: []byte("null")}}},
		{"socket with an id alone", message(8, object{"requestId", "r", "sockets", []any{object{"id", "s", "x", 1}}}),
			core.Message{Kind: core.KindFetchSocketsResponse, From: "u", Namespace: "/", RequestID: "r", Sockets: []core.Socket{
				{ID: "s", Handshake: core.Payload{Text: []byte("{}")}, Data: core.Payload{Text: []byte("{}")}}}}},
		{"socket with nil", message(8, object{"requestId", "r", "sockets", []any{object{"id", "s", "rooms", nil, "handshake", nil, "data", nil}}}),
			core.Message{Kind: core.KindFetchSocketsResponse, From: "u", Namespace: "/", RequestID: "r", Sockets: []core.Socket{
				{ID: "s", Rooms: []string{}, Handshake: core.Payload{Text: []byte("{}")}, Data: core.Payload{Text: []byte("null")}}}}},
	} {
		var have core.Message
		if err := New().Decode(c.src, &have); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if len(have.To.Rooms)+len(have.To.Except) == 0 {
			have.To.Rooms, have.To.Except = nil, nil
		}
		if !reflect.DeepEqual(have, c.want) {
			t.Errorf("%s: have\n%+v, want\n%+v", c.name, have, c.want)
		}
	}
}

func TestMalformed(t *testing.T) {
	packet := object{"type", 2, "data", event}
	good := broadcast(object{})
	if err := New().Decode(good, new(core.Message)); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]pack{
		"nothing":                 nil,
		"nil":                     encode(nil),
		"no map":                  encode([]any{1}),
		"empty map":               encode(object{}),
		"number as a key":         encode(object{1, 2}),
		"bytes behind":            append(good[:len(good):len(good)], 0xc0),
		"no type":                 encode(object{"uid", "u", "nsp", "/"}),
		"type as a string":        encode(object{"type", "broadcast", "uid", "u", "nsp", "/"}),
		"type nil":                encode(object{"type", nil, "uid", "u", "nsp", "/"}),
		"no uid":                  encode(object{"type", 2, "nsp", "/"}),
		"uid nil":                 encode(object{"type", 2, "uid", nil, "nsp", "/"}),
		"uid a number":            encode(object{"type", 2, "uid", 7, "nsp", "/"}),
		"no nsp":                  encode(object{"type", 2, "uid", "u"}),
		"nsp empty":               encode(object{"type", 2, "uid", "u", "nsp", ""}),
		"nsp a number":            encode(object{"type", 2, "uid", "u", "nsp", 7}),
		"no data":                 encode(object{"type", 3, "uid", "u", "nsp", "/"}),
		"data nil":                message(3, nil),
		"data no map":             message(3, []any{}),
		"no packet":               message(3, object{"opts", object{}}),
		"packet nil":              message(3, object{"opts", object{}, "packet", nil}),
		"packet an array":         message(3, object{"opts", object{}, "packet", event}),
		"packet without data":     message(3, object{"opts", object{}, "packet", object{"type", 2}}),
		"packet data nil":         message(3, object{"opts", object{}, "packet", object{"type", 2, "data", nil}}),
		"packet data no array":    message(3, object{"opts", object{}, "packet", object{"type", 2, "data", object{"0", "e"}}}),
		"packet data empty":       message(3, object{"opts", object{}, "packet", object{"type", 2, "data", []any{}}}),
		"event no string":         message(3, object{"opts", object{}, "packet", object{"type", 2, "data", []any{1, "e"}}}),
		"packet type disconnect":  message(3, object{"opts", object{}, "packet", object{"type", 1, "data", event}}),
		"packet type nil":         message(3, object{"opts", object{}, "packet", object{"type", nil, "data", event}}),
		"request id a number":     message(3, object{"opts", object{}, "packet", packet, "requestId", 5}),
		"no opts":                 message(3, object{"packet", packet}),
		"no opts to disconnect":   message(6, object{"close", true}),
		"opts nil":                broadcast(nil),
		"opts no map":             broadcast([]any{}),
		"rooms no array":          broadcast(object{"rooms", "r"}),
		"a room nil":              broadcast(object{"rooms", []any{nil}}),
		"a room an array":         broadcast(object{"except", []any{[]any{}}}),
		"join without rooms":      message(4, object{"opts", object{}}),
		"leave without rooms":     message(5, object{"opts", object{}}),
		"join one room":           message(4, object{"opts", object{}, "rooms", "r"}),
		"close a number":          message(6, object{"opts", object{}, "close", 1}),
		"fetch without id":        message(7, object{"opts", object{}}),
		"fetch with empty id":     message(7, object{"opts", object{}, "requestId", ""}),
		"fetch with nil id":       message(7, object{"opts", object{}, "requestId", nil}),
		"no sockets":              message(8, object{"requestId", "r"}),
		"sockets nil":             message(8, object{"requestId", "r", "sockets", nil}),
		"socket no map":           message(8, object{"requestId", "r", "sockets", []any{"sid"}}),
		"socket without id":       message(8, object{"requestId", "r", "sockets", []any{object{"rooms", []any{}}}}),
		"socket id a number":      message(8, object{"requestId", "r", "sockets", []any{object{"id", 7}}}),
		"handshake no map":        message(8, object{"requestId", "r", "sockets", []any{object{"id", "s", "handshake", 1}}}),
		"server event no array":   message(9, object{"packet", object{}}),
		"server event nil":        message(9, object{"packet", nil}),
		"server event absent":     message(9, object{"requestId", "r"}),
		"answer without id":       message(10, object{"packet", 1}),
		"no count":                message(11, object{"requestId", "r"}),
		"negative count":          message(11, object{"requestId", "r", "clientCount", -1}),
		"count nil":               message(11, object{"requestId", "r", "clientCount", nil}),
		"half a count":            message(11, object{"requestId", "r", "clientCount", 1.5}),
		"endless count":           message(11, object{"requestId", "r", "clientCount", math.Inf(1)}),
		"count not a number":      message(11, object{"requestId", "r", "clientCount", math.NaN()}),
		"ack without id":          message(12, object{"packet", 1}),
		"key nil in a value":      message(12, object{"requestId", "r", "packet", object{nil, 1}}),
		"key an array in a value": message(12, object{"requestId", "r", "packet", object{[]any{}, 1}}),
		"timestamp of 3 bytes":    message(12, object{"requestId", "r", "packet", pack{0xc7, 3, 0xff, 1, 2, 3}}),
		"never used byte":         message(12, object{"requestId", "r", "packet", pack{0xc1}}),
		"too deep":                message(12, object{"requestId", "r", "packet", nested(msgpack.MaxDepth + 1)}),
		"maps too deep":           message(12, object{"requestId", "r", "packet", pack(strings.Repeat("\x81\x00", msgpack.MaxDepth+1) + "\x00")}),
		"a million deep":          message(12, object{"requestId", "r", "packet", nested(1 << 20)}),
	} {
		m := core.Message{}
		err := New().Decode(src, &m)
		if !errors.Is(err, core.ErrMalformed) || errors.Is(err, core.ErrUnsupported) {
			t.Errorf("%s: %v, want one that wraps ErrMalformed alone; %+v", name, err, m)
		}
	}
}

// nested is depth arrays in each other.
func nested(depth int) pack { return pack(strings.Repeat("\x91", depth-1) + "\x90") }

func TestDepth(t *testing.T) {
	var m core.Message
	if err := New().Decode(message(12, object{"requestId", "r", "packet", nested(msgpack.MaxDepth)}), &m); err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("[", msgpack.MaxDepth) + strings.Repeat("]", msgpack.MaxDepth); string(m.Payload.Text) != want {
		t.Error("the deepest value is not what it was")
	}
	for depth, ok := range map[int]bool{maxDepth: true, maxDepth + 1: false, 10001: false, 1 << 20: false} {
		m.Payload.Text = []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))
		if b, err := New().Append(nil, &m); (err == nil) != ok || b != nil != ok {
			t.Errorf("append %d levels: %d bytes, %v", depth, len(b), err)
		}
	}
}

func TestUnknownTypes(t *testing.T) {
	for _, kind := range []int{0, 14, 15, 255, 256, 259, -1, 1 << 40} {
		if err := New().Decode(message(kind, object{}), new(core.Message)); !errors.Is(err, core.ErrUnsupported) || errors.Is(err, core.ErrMalformed) {
			t.Errorf("type %d: %v, want one that wraps ErrUnsupported alone", kind, err)
		}
	}
}

// A count may be as large as what is left of the input. No memory is allocated for that
// many sockets or rooms before they are read.
func TestClaims(t *testing.T) {
	rest := make([]byte, 1<<16)
	for i := range rest {
		rest[i] = 0xc0
	}
	for name, data := range map[string]pack{
		"sockets": append(encode(object{"requestId", "r", "sockets", pack{0xdd, 0, 1, 0, 0}}), rest...),
		"payload": append(encode(object{"requestId", "r", "packet", pack{0xdf, 0, 0, 0x80, 0}}), rest...),
		"rooms":   append(encode(object{"requestId", "r", "opts", object{"rooms", pack{0xdd, 0, 1, 0, 0}}}), rest...),
	} {
		for kind := range 14 {
			src := message(kind, data)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_ = New().Decode(src, new(core.Message))
			runtime.ReadMemStats(&after)
			if taken := after.TotalAlloc - before.TotalAlloc; taken > 24*uint64(len(src)) {
				t.Errorf("%s of type %d: %d bytes of input took %d bytes of memory", name, kind, len(src), taken)
			}
		}
	}
}

package proto

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/socketmesh/mesh/core"
)

// Other encoders may write the same message otherwise: in another order, in parts, with
// defaults. It decodes to the same.
func TestLeniency(t *testing.T) {
	broadcast := core.Message{Kind: core.KindBroadcast, From: "a", Namespace: "/", Payload: core.Payload{Text: []byte(`["e"]`)}}
	with := func(change func(*core.Message)) core.Message {
		m := broadcast
		change(&m)
		return m
	}
	to := func(to core.Target) core.Message { return with(func(m *core.Message) { m.To = to }) }
	for name, c := range map[string]struct {
		src  []byte
		want core.Message
	}{
		"other order": {wire(messagePayload, event(`["e"]`), messageTo, wire(targetExcept, "x", targetRooms, "r", targetExcept, "y"), messageNamespace, "/", messageFrom, "a", messageKind, 3),
			to(core.Target{Rooms: []string{"r"}, Except: []string{"x", "y"}})},
		"the last one counts": {wire(messageKind, 2, messageFrom, "z", messageNamespace, "/z", messagePayload, event(`[`), messageKind, 3, messageFrom, "a", messageNamespace, "/", messagePayload, event(`["e"]`)),
			broadcast},
		"messages in parts": {behind(3, messageTo, wire(targetRooms, "r"), messagePayload, event(`["e"]`), messageTo, wire(targetRooms, "s", targetFlags, wire(flagsVolatile, 1)), messageTo, wire(targetFlags, wire(flagsTimeout, 5))),
			to(core.Target{Rooms: []string{"r", "s"}, Flags: core.Flags{Volatile: true, Timeout: 5 * time.Millisecond}})},
		"a payload in parts": {behind(3, messagePayload, wire(payloadAttachments, "1"), messagePayload, event(`["e",{"_placeholder":true,"num":1}]`, "2")),
			with(func(m *core.Message) {
				m.Payload = core.Payload{Text: []byte(`["e",{"_placeholder":true,"num":1}]`), Attachments: [][]byte{[]byte("1"), []byte("2")}}
			})},
		"what is not set":  {behind(3, messageTo, "", messageRequestID, "", messageClose, 0, messageBrief, 0, messageCount, 0, messagePayload, event(`["e"]`)), broadcast},
		"an empty payload": {behind(12, messageRequestID, "q", messagePayload, ""), core.Message{Kind: core.KindBroadcastAck, From: "a", Namespace: "/", RequestID: "q"}},
		"what kinds do not have": {behind(2, messageRooms, "r", messageClose, 1, messageBrief, 1, messageCount, 2),
			core.Message{Kind: core.KindHeartbeat, From: "a", Namespace: "/", Rooms: []string{"r"}, Close: true, Brief: true, Count: 2}},
		"other wire types":        {behind(3, messagePayload, event(`["e"]`), messageFrom&^7, 7, messageKind|2, "kind", messageTo&^7, 1, messageRooms&^7, 1), broadcast},
		"tags in more bytes":      {append([]byte{0x88, 0x80, 0, 3}, wire(messageFrom, "a", messageNamespace, "/", messagePayload, event(`["e"]`))...), broadcast},
		"true as another number":  {behind(3, messagePayload, event(`["e"]`), messageTo, wire(targetFlags, wire(flagsVolatile, 2))), to(core.Target{Flags: core.Flags{Volatile: true}})},
		"compressed":              {behind(3, messagePayload, event(`["e"]`), messageTo, wire(targetFlags, wire(flagsCompress, 1))), to(core.Target{Flags: core.Flags{Compress: core.CompressOn}})},
		"not compressed":          {behind(3, messagePayload, event(`["e"]`), messageTo, wire(targetFlags, wire(flagsCompress, 0))), to(core.Target{Flags: core.Flags{Compress: core.CompressOff}})},
		"nobody":                  {wire(messageKind, 2, messageNamespace, "/"), core.Message{Kind: core.KindHeartbeat, Namespace: "/"}},
		"nothing to leave":        {behind(5), core.Message{Kind: core.KindSocketsLeave, From: "a", Namespace: "/", Rooms: []string{}}},
		"a timeout beyond limits": {behind(3, messagePayload, event(`["e"]`), messageTo, wire(targetFlags, wire(flagsTimeout, -1))), to(core.Target{Flags: core.Flags{Timeout: math.MaxInt64 / time.Millisecond * time.Millisecond}})},
		"the largest count":       {behind(11, messageRequestID, "q", messageCount, math.MaxInt), core.Message{Kind: core.KindBroadcastClientCount, From: "a", Namespace: "/", RequestID: "q", Count: math.MaxInt}},
	} {
		var m core.Message
		if err := New().Decode(c.src, &m); err != nil || !reflect.DeepEqual(m, c.want) {
			t.Errorf("%s: %v\nhave %+v\nwant %+v", name, err, m, c.want)
		}
	}
}

func TestMalformed(t *testing.T) {
	if err := New().Decode(behind(3, messagePayload, event(`["e"]`)), new(core.Message)); err != nil {
		t.Fatal(err)
	}
	socket := func(fields ...any) []byte { return behind(8, messageRequestID, "q", messageSockets, wire(fields...)) }
	tail := func(tag uint64, rest ...byte) []byte {
		return append(protowire.AppendVarint(behind(2), tag), rest...)
	}
	for name, src := range map[string][]byte{
		"nothing":                   nil,
		"no kind":                   wire(messageNamespace, "/"),
		"kind 0":                    behind(0),
		"kind of another wire type": wire(messageKind|2, "\x03", messageNamespace, "/", messagePayload, event(`["e"]`)),
		"no namespace":              wire(messageKind, 2, messageFrom, "a"),
		"empty namespace":           behind(2, messageNamespace, ""),
		"field 0":                   tail(0, 0),
		"a field beyond all":        tail(1<<32|varint, 0),
		"wire type 6":               tail(12<<3|6, 0),
		"wire type 7":               tail(12<<3|7, 0),
		"half a tag":                append(behind(2), 0x80),
		"a tag of eleven bytes":     append(behind(2), bytes.Repeat([]byte{0xff}, 11)...),
		"no value":                  tail(messageCount),
		"half a number":             tail(messageCount, 0x80),
		"a number beyond 64 bits":   tail(messageCount, bytes.Repeat([]byte{0xff}, 10)...),
		"half a string":             tail(messageFrom, 2, 'x'),
		"a string of 2^63 bytes":    tail(messageFrom, protowire.AppendVarint(nil, 1<<63)...),
		"a string of 2^31 bytes":    tail(messageFrom, protowire.AppendVarint(nil, 1<<31)...),
		"half a fixed32":            tail(12<<3|5, 0, 0, 0),
		"half a fixed64":            tail(12<<3|1, 0, 0, 0, 0, 0, 0, 0),
		"an open group":             tail(12<<3 | 3),
		"a group's end":             tail(12<<3 | 4),
		"another group's end":       tail(12<<3|3, 13<<3|4),
		"groups too deep":           append(behind(2), groups(protowire.DefaultRecursionLimit+2)...),
		"from not UTF-8":            behind(2, messageFrom, "\xff"),
		"namespace not UTF-8":       behind(2, messageNamespace, "/\xff"),
		"request id not UTF-8":      behind(2, messageRequestID, "\xff"),
		"rooms not UTF-8":           behind(4, messageRooms, "r", messageRooms, "\xff"),
		"target rooms not UTF-8":    behind(2, messageTo, wire(targetRooms, "\xed\xa0\x80")),
		"target except not UTF-8":   behind(2, messageTo, wire(targetExcept, "\xff")),
		"half a target":             behind(2, messageTo, "\x0a\x02x"),
		"half of flags":             behind(2, messageTo, wire(targetFlags, "\x08")),
		"count beyond int":          behind(11, messageRequestID, "q", messageCount, math.MinInt),
		"count without a request":   behind(11, messageCount, 1),
		"fetch without a request":   behind(7),
		"fetched without a request": behind(8),
		"answer without a request":  behind(10),
		"ack without a request":     behind(12),
		"no event":                  behind(3),
		"no server-side event":      behind(9),
		"empty payload":             behind(3, messagePayload, ""),
		"empty text":                behind(3, messagePayload, event("")),
		"attachments alone":         behind(12, messageRequestID, "q", messagePayload, wire(payloadAttachments, "x")),
		"half a payload":            behind(3, messagePayload, "\x0a\x06[\"e\"]"),
		"no JSON":                   behind(3, messagePayload, event(`["e",`)),
		"two values":                behind(12, messageRequestID, "q", messagePayload, event(`1 2`)),
		"text not UTF-8":            behind(3, messagePayload, event("[\"\xff\"]")),
		"empty event":               behind(3, messagePayload, event(`[]`)),
		"number as an event":        behind(3, messagePayload, event(`[1]`)),
		"object as an event":        behind(9, messagePayload, event(`{"e":1}`)),
		"placeholder out of range":  behind(3, messagePayload, event(`["e",{"_placeholder":true,"num":1}]`, "x")),
		"placeholder without num":   behind(3, messagePayload, event(`["e",{"_placeholder":true}]`, "x")),
		"JSON too deep":             behind(12, messageRequestID, "q", messagePayload, event(strings.Repeat("[", 10001)+strings.Repeat("]", 10001))),
		"a million brackets":        behind(12, messageRequestID, "q", messagePayload, event(strings.Repeat("[", 1<<20))),
		"empty socket":              socket(),
		"socket without id":         socket(socketRooms, "r"),
		"socket id not UTF-8":       socket(socketID, "\xff"),
		"socket rooms not UTF-8":    socket(socketID, "s", socketRooms, "\xff"),
		"half a socket":             socket(socketID, "s", socketRooms&^7, math.MinInt)[:20],
		"handshake no JSON":         socket(socketID, "s", socketHandshake, event(`{`)),
		"half a handshake":          socket(socketID, "s", socketHandshake, "\x0a\x03{}"),
		"data no JSON":              socket(socketID, "s", socketData, event(`}`)),
		"data out of range":         socket(socketID, "s", socketData, event(`{"_placeholder":true,"num":1}`, "x")),
		"half of data":              socket(socketID, "s", socketData, "\x12\x01"),
	} {
		var m core.Message
		if err := New().Decode(src, &m); !errors.Is(err, core.ErrMalformed) || errors.Is(err, core.ErrUnsupported) {
			t.Errorf("%s: %v, want one that wraps ErrMalformed alone; %+v", name, err, m)
		}
	}
}

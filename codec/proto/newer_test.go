package proto

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/socketmesh/mesh/core"
)

// unknown are fields that a newer version might have, of every wire type.
func unknown() (b []byte) {
	const num = 1234
	b = protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), math.MaxUint64)
	b = protowire.AppendFixed32(protowire.AppendTag(b, num+1, protowire.Fixed32Type), 1)
	b = protowire.AppendFixed64(protowire.AppendTag(b, num+2, protowire.Fixed64Type), 1)
	b = protowire.AppendString(protowire.AppendTag(b, num+3, protowire.BytesType), "not UTF-8: \xff")
	b = protowire.AppendGroup(protowire.AppendTag(b, num+4, protowire.StartGroupType), num+4, wire(1<<3|delimited, "within"))
	return protowire.AppendVarint(protowire.AppendTag(b, 12, protowire.VarintType), 1) // reserved today
}

// newer are frames as a newer version might write them: with unknown fields before,
// after and within the known ones.
func newer() [][]byte {
	around := func(known []byte) []byte { return bytes.Join([][]byte{unknown(), known, unknown()}, nil) }
	flags := around(wire(flagsVolatile, 1))
	target := around(wire(targetRooms, "r", targetFlags, flags, targetExcept, "x"))
	payload := around(event(`["e",{"_placeholder":true,"num":0}]`, "b"))
	socket := around(wire(socketID, "s", socketRooms, "s", socketHandshake, around(event(`{}`)), socketData, around(event(`[]`))))
	return [][]byte{
		around(behind(core.KindBroadcast, messageTo, target, messagePayload, payload)),
		around(behind(core.KindFetchSocketsResponse, messageRequestID, "q", messageSockets, socket)),
	}
}

func TestUnknownFields(t *testing.T) {
	want := []core.Message{
		{Kind: core.KindBroadcast, From: "a", Namespace: "/",
			To:      core.Target{Rooms: []string{"r"}, Except: []string{"x"}, Flags: core.Flags{Volatile: true}},
			Payload: core.Payload{Text: []byte(`["e",{"_placeholder":true,"num":0}]`), Attachments: [][]byte{[]byte("b")}}},
		{Kind: core.KindFetchSocketsResponse, From: "a", Namespace: "/", RequestID: "q", Sockets: []core.Socket{
			{ID: "s", Rooms: []string{"s"}, Handshake: core.Payload{Text: []byte(`{}`)}, Data: core.Payload{Text: []byte(`[]`)}}}},
	}
	for i, src := range newer() {
		var m core.Message
		if err := New().Decode(src, &m); err != nil || !reflect.DeepEqual(m, want[i]) {
			t.Errorf("%v\nhave %+v\nwant %+v", err, m, want[i])
		}
	}
}

// An unknown kind is ErrUnsupported and not bad input, whatever else is in the message.
func TestUnknownKinds(t *testing.T) {
	for _, kind := range []int{15, 127, 128, 255, 256, 256 + 3, math.MaxInt32, -1} {
		src := wire(messageKind, kind, messageNamespace, "/", messagePayload, event("no JSON"))
		if err := New().Decode(src, new(core.Message)); !errors.Is(err, core.ErrUnsupported) || errors.Is(err, core.ErrMalformed) {
			t.Errorf("kind %d: %v, want one that wraps ErrUnsupported alone", kind, err)
		}
	}
}

package codectest

import (
	"fmt"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Vector is a message that every codec carries, and its name.
type Vector struct {
	Name    string
	Message *core.Message
}

// from is the sender of all vectors.
const from = "746b5745bee1accf"

// Messages returns vectors of every kind with the fields that it has, and of payloads
// that are hard to carry. Except for a codec's own kinds, different codecs must agree on
// them (see [Diff]). The caller may change them.
func Messages() []Vector {
	list := append(kinds(), flags()...)
	return append(list, payloads()...)
}

func kinds() []Vector {
	to := core.Target{Rooms: []string{"r1", "комната"}, Except: []string{"hmaY8221B0vyg_5wAAAA", ""}}
	list := []Vector{
		{"initial heartbeat", &core.Message{Kind: core.KindInitialHeartbeat, Namespace: "/adm"}},
		{"heartbeat", &core.Message{Kind: core.KindHeartbeat}},
		{"broadcast", &core.Message{Kind: core.KindBroadcast, To: to, Payload: text(`["hello","world",1]`)}},
		{"broadcast to all", &core.Message{Kind: core.KindBroadcast, Payload: text(`["hello"]`)}},
		{"broadcast with acknowledgements", &core.Message{Kind: core.KindBroadcast, RequestID: "7b68208607ed344c", To: to, Payload: text(`["q",7]`)}},
		{"join", &core.Message{Kind: core.KindSocketsJoin, To: to, Rooms: []string{"a", "b"}}},
		{"join nothing", &core.Message{Kind: core.KindSocketsJoin, To: to, Rooms: []string{}}},
		{"leave", &core.Message{Kind: core.KindSocketsLeave, To: to, Rooms: []string{"a"}}},
		{"leave nothing", &core.Message{Kind: core.KindSocketsLeave, Rooms: []string{}}},
		{"leave all", &core.Message{Kind: core.KindSocketsLeaveAll, To: to}},
		{"disconnect", &core.Message{Kind: core.KindDisconnectSockets, To: to}},
		{"disconnect and close", &core.Message{Kind: core.KindDisconnectSockets, To: to, Close: true}},
		{"fetch", &core.Message{Kind: core.KindFetchSockets, RequestID: "5b800c42492f7df7", To: to}},
		{"fetch with a trace", &core.Message{Kind: core.KindFetchSockets, RequestID: "5b800c42492f7df7", To: to, Trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
		{"server-side event with a trace", &core.Message{Kind: core.KindServerSideEmit, RequestID: "f88a0cbb3924ae95", Payload: text(`["hello"]`), Trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
		{"broadcast with a trace", &core.Message{Kind: core.KindBroadcast, RequestID: "f88a0cbb3924ae96", Payload: text(`["hello"]`), Trace: "\"\u2028"}},
		{"fetch briefly", &core.Message{Kind: core.KindFetchSockets, RequestID: "5b800c42492f7df7", Brief: true}},
		{"fetched none", &core.Message{Kind: core.KindFetchSocketsResponse, RequestID: "00112233aabbcce1"}},
		{"fetched briefly", &core.Message{Kind: core.KindFetchSocketsResponse, RequestID: "00112233aabbcce1", Sockets: []core.Socket{{ID: "a", Rooms: []string{"a", "r"}}, {ID: "b"}}}},
		{"fetched with addresses", &core.Message{Kind: core.KindFetchSocketsResponse, RequestID: "00112233aabbcce1", Sockets: []core.Socket{
			{ID: "a", Rooms: []string{"a", "r"}, Address: "127.0.0.1:50000", Handshake: text(`{"address":"127.0.0.1"}`), Data: text(`{}`)},
			{ID: "b", Address: "[2001:db8::1]:80", Handshake: text(`{"address":"2001:db8::1"}`), Data: text(`{}`)},
		}}},
		{"fetched a hundred", Response(100)},
		{"server-side event", &core.Message{Kind: core.KindServerSideEmit, Payload: text(`["hello","world",1,"2"]`)}},
		{"server-side event with acknowledgement", &core.Message{Kind: core.KindServerSideEmit, RequestID: "f88a0cbb3924ae95", Payload: binary(`["hello",%s]`, []byte{1})}},
		{"answer", &core.Message{Kind: core.KindServerSideEmitResponse, RequestID: "00112233aabbcce2", Payload: text(`{"a":"b"}`)}},
		{"answer without a value", &core.Message{Kind: core.KindServerSideEmitResponse, RequestID: "00112233aabbcce3"}},
		{"client count", &core.Message{Kind: core.KindBroadcastClientCount, RequestID: "00112233aabbccdd", Count: 65536}},
		{"client count of none", &core.Message{Kind: core.KindBroadcastClientCount, RequestID: "00112233aabbccde"}},
		{"acknowledgement", &core.Message{Kind: core.KindBroadcastAck, RequestID: "00112233aabbccdd", Payload: binary(`{"x":[1,%s]}`, []byte{1})}},
		{"acknowledgement without a value", &core.Message{Kind: core.KindBroadcastAck, RequestID: "00112233aabbccdf"}},
		{"acknowledgement with null", &core.Message{Kind: core.KindBroadcastAck, RequestID: "00112233aabbccdf", Payload: text(`null`)}},
		{"adapter close", &core.Message{Kind: core.KindAdapterClose, Namespace: "/adm"}},
		{"strings to escape", &core.Message{
			Kind: core.KindBroadcast, Namespace: "/\"\\\n\u2028<&>", RequestID: "\x00\x1f\x7f", Payload: text(`["e"]`),
			To: core.Target{Rooms: []string{"\"", "\\", "\r\n\t", "", "👩‍👩‍👧", "{\"a\":1}"}},
		}},
	}
	return signed(list)
}

func flags() []Vector {
	var list []Vector
	for _, v := range []struct {
		name  string
		flags core.Flags
	}{
		{"volatile", core.Flags{Volatile: true}},
		{"compress", core.Flags{Compress: core.CompressOn}},
		{"no compress", core.Flags{Compress: core.CompressOff}},
		{"single answer", core.Flags{ExpectSingleResponse: true, Timeout: 800 * time.Millisecond}},
		{"timeout", core.Flags{Timeout: time.Millisecond}},
		{"long timeout", core.Flags{Timeout: 24 * 24 * time.Hour}},
		{"all flags", core.Flags{Volatile: true, Compress: core.CompressOn, ExpectSingleResponse: true, Timeout: 65536 * time.Millisecond}},
	} {
		list = append(list, Vector{"flags: " + v.name, &core.Message{Kind: core.KindBroadcast, To: core.Target{Flags: v.flags}, Payload: text(`["e"]`)}})
	}
	return signed(list)
}

// signed sets the fields that all messages have.
func signed(list []Vector) []Vector {
	for _, v := range list {
		v.Message.From = from
		if v.Message.Namespace == "" {
			v.Message.Namespace = "/"
		}
	}
	return list
}

// Broadcast is a broadcast to one room.
func Broadcast(p core.Payload) *core.Message {
	return &core.Message{
		Kind: core.KindBroadcast, From: from, Namespace: "/",
		To: core.Target{Rooms: []string{"room1"}}, Payload: p,
	}
}

// Response returns the response of a server to FetchSockets with a number of sockets.
func Response(sockets int) *core.Message {
	m := &core.Message{Kind: core.KindFetchSocketsResponse, From: from, Namespace: "/", RequestID: "00112233aabbcce0"}
	for i := range sockets {
		id := fmt.Sprintf("hmaY8221B0vyg_5wA%03d", i)
		m.Sockets = append(m.Sockets, core.Socket{
			ID:        id,
			Rooms:     []string{id, "vip"},
			Handshake: text(handshake),
			Data:      binary(`{"n":1,"blob":%s}`, []byte{byte(i)}),
		})
	}
	return m
}

const handshake = `{"headers":{"sec-websocket-version":"13","sec-websocket-key":"ACz/z9lKBSJMtfM0lUnvKA==","connection":"Upgrade","upgrade":"websocket","host":"127.0.0.1:23807"},` +
	`"time":"Mon Nov 23 2026 16:09:39 GMT+0000 (Coordinated Universal Time)","address":"127.0.0.1","xdomain":false,"secure":false,"issued":1795450179336,` +
	`"url":"/socket.io/?a=1&EIO=4&transport=websocket","query":{"a":"1","EIO":"4","transport":"websocket"},"auth":{"user":"é"}}`

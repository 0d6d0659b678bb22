package codectest

import (
	"math"
	"strings"
	"time"

	"github.com/socketmesh/mesh/core"
)

// careless returns messages that are well-formed, but differ from those that a node
// sends.
func careless() []Vector {
	list := []Vector{
		{"from nobody", &core.Message{Kind: core.KindHeartbeat, Namespace: "/"}},
		{"strings that are not UTF-8", &core.Message{
			Kind: core.KindBroadcast, From: "a\xff", Namespace: "/\xc3\x28", RequestID: "\xed\xa0\x80", Payload: text(`["e"]`),
			To: core.Target{Rooms: []string{"\xff\xfe", "é\xc3"}, Except: []string{"\x80\x80a\x80"}},
		}},
		{"sockets that are not UTF-8", &core.Message{
			Kind: core.KindFetchSocketsResponse, Namespace: "/", RequestID: "r",
			Sockets: []core.Socket{{ID: "\xff", Rooms: []string{"\xfe\xfe", ""}, Address: "\xff"}},
		}},
		{"more than a millisecond", timed(time.Millisecond + 1)},
		{"less than a millisecond", timed(1)},
		{"more than JavaScript's timers", timed(math.MaxInt32*time.Millisecond + 1)},
		{"for ever", timed(math.MaxInt64)},
		{"the largest count", &core.Message{Kind: core.KindBroadcastClientCount, Namespace: "/", RequestID: "r", Count: math.MaxInt}},
		{"a handshake that is none", &core.Message{
			Kind: core.KindFetchSocketsResponse, Namespace: "/", RequestID: "r",
			Sockets: []core.Socket{{ID: "s", Handshake: text(`[1]`), Data: text(`null`)}},
		}},
		{"numbers beyond all", Broadcast(text(`["e",1e999,-1E+999,1e-999,123456789012345678901234567890]`))},
		{"half surrogate pairs", Broadcast(text(`["e","\ud800","\udc00\ud800a",{"\ud800":1}]`))},
		{"members that come twice", Broadcast(text(`["e",{"a":1,"a":2,"__proto__":1,"__proto__":2}]`))},
		{"a placeholder that takes it back", Broadcast(binary(`["e",{"_placeholder":true,"_placeholder":false},%s]`, []byte{1}))},
		{"attachments without a placeholder", Broadcast(core.Payload{Text: []byte(`["e"]`), Attachments: [][]byte{{1}, {2}}})},
		{"1,001 levels", Broadcast(text(`["e",` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `]`))},
		{"as deep as can be", Broadcast(text(`["e",` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + `]`))},
	}
	for kind := core.Kind(0); kind < math.MaxUint8; kind++ {
		if kind.Valid() {
			list = append(list, Vector{"every field: " + kind.String(), everything(kind)})
		}
	}
	return list
}

func timed(timeout time.Duration) *core.Message {
	m := Broadcast(text(`["e"]`))
	m.To.Flags.Timeout = timeout
	return m
}

// everything returns a message with all fields set, whatever its kind.
func everything(kind core.Kind) *core.Message {
	m := Response(2)
	m.Kind = kind
	m.To = core.Target{Rooms: []string{"r"}, Except: []string{"x"}, Flags: core.Flags{
		Volatile: true, Local: true, ExpectSingleResponse: true, Compress: core.CompressOff, Timeout: time.Second}}
	m.Payload = binary(`["e",%s]`, []byte{1})
	m.Rooms, m.Close, m.Brief, m.Count = []string{"r"}, true, true, 3
	m.Trace = "t"
	return m
}

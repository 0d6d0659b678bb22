package codectest

import (
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
)

func TestDiffSeesEveryField(t *testing.T) {
	base := Response(2)
	base.Payload = binary(`{"a":[1,%s]}`, []byte{1})
	for name, change := range map[string]func(*core.Message){
		"kind":                func(m *core.Message) { m.Kind++ },
		"from":                func(m *core.Message) { m.From = "x" },
		"namespace":           func(m *core.Message) { m.Namespace = "x" },
		"request id":          func(m *core.Message) { m.RequestID = "x" },
		"target rooms":        func(m *core.Message) { m.To.Rooms = []string{"x"} },
		"target except":       func(m *core.Message) { m.To.Except = []string{"x"} },
		"flags":               func(m *core.Message) { m.To.Flags.Timeout = time.Second },
		"rooms":               func(m *core.Message) { m.Rooms = []string{"x"} },
		"close":               func(m *core.Message) { m.Close = true },
		"brief":               func(m *core.Message) { m.Brief = true },
		"count":               func(m *core.Message) { m.Count = 1 },
		"trace":               func(m *core.Message) { m.Trace = "x" },
		"payload":             func(m *core.Message) { m.Payload = text(`{"a":[2]}`) },
		"number of sockets":   func(m *core.Message) { m.Sockets = m.Sockets[:1] },
		"socket 1: id":        func(m *core.Message) { m.Sockets[1].ID = "x" },
		"socket 1: rooms":     func(m *core.Message) { m.Sockets[1].Rooms[1] = "x" },
		"socket 1: handshake": func(m *core.Message) { m.Sockets[1].Handshake = core.Payload{} },
		"socket 1: data":      func(m *core.Message) { m.Sockets[1].Data.Attachments[0][0]++ },
	} {
		m := clone(base)
		if d := Diff(m, base); d != "" {
			t.Fatalf("a copy differs: %s", d)
		}
		change(m)
		if d := Diff(m, base); !strings.HasPrefix(d, name+":") {
			t.Errorf("%s: %q", name, d)
		}
	}
	local := clone(base)
	local.To.Flags.Local, local.Rooms, local.To.Rooms = true, []string{}, []string{}
	if d := Diff(local, base); d != "" {
		t.Errorf("local or an empty list: %s", d)
	}
}

func TestSamePayload(t *testing.T) {
	one, two := []byte{1}, []byte{2}
	swapped := core.Payload{Text: []byte(`[{"num":1,"_placeholder":true}, {"_placeholder":true,"num":0}]`), Attachments: [][]byte{two, one}}
	for _, c := range []struct {
		a, b core.Payload
		same bool
	}{
		{text(`[1e3,"\u0061",-0]`), text(` [1000.0,"a",0] `), true},
		{text(`{"a":1,"b":2}`), text(`{"b":2,"a":1}`), false},
		{text(`"1"`), text(`1`), false},
		{text(`null`), core.Payload{}, false},
		{core.Payload{}, core.Payload{}, true},
		{binary(`[%s,%s]`, one, two), swapped, true},
		{binary(`[%s,%s]`, two, one), swapped, false},
		{binary(`[%s,%s]`, one, one), core.Payload{Text: []byte(`[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]`), Attachments: [][]byte{one}}, true},
		{binary(`[%s]`, nil), binary(`[%s]`, []byte{}), true},
		{text(`[{"_placeholder":true,"num":0}]`), binary(`[%s]`, one), false},
		{text(`[`), text(`[`), false},
	} {
		if SamePayload(c.a, c.b) != c.same || SamePayload(c.b, c.a) != c.same {
			t.Errorf("%s and %s: same is %v", c.a.Text, c.b.Text, !c.same)
		}
	}
}

func TestDiffOfReferencePeers(t *testing.T) {
	m := Response(1)
	m.Payload = text(`[{"__proto__":1,"a":{"__proto__":[]}}]`)
	m.Brief, m.Sockets[0].Handshake, m.Sockets[0].Data = true, core.Payload{}, core.Payload{}
	want := clone(m)
	want.Brief, want.Payload, want.Sockets[0].Handshake, want.Sockets[0].Data = false, text(`[{"a":{}}]`), text(`{}`), text(`{}`)
	if d := Diff(m, want, Reference()); d != "" {
		t.Error(d)
	}
	if Diff(m, want) == "" {
		t.Error("the same without the option")
	}
}

func TestWellFormed(t *testing.T) {
	for _, v := range Messages() {
		if err := WellFormed(v.Message); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
	broken := Response(1)
	broken.Sockets[0].ID = ""
	noData := Response(1)
	noData.Sockets[0].Data = text(`{`)
	noHandshake := Response(1)
	noHandshake.Sockets[0].Handshake = binary(`{"a":%s,"_placeholder":true,"num":2}`, nil)
	for name, m := range map[string]*core.Message{
		"kind":           {Kind: 200, Namespace: "/"},
		"namespace":      {Kind: core.KindHeartbeat},
		"local":          {Kind: core.KindHeartbeat, Namespace: "/", To: core.Target{Flags: core.Flags{Local: true}}},
		"timeout":        {Kind: core.KindHeartbeat, Namespace: "/", To: core.Target{Flags: core.Flags{Timeout: -1}}},
		"count":          {Kind: core.KindHeartbeat, Namespace: "/", Count: -1},
		"event":          Broadcast(text(`[1]`)),
		"no event":       Broadcast(core.Payload{}),
		"placeholder":    Broadcast(core.Payload{Text: []byte(`["e",{"_placeholder":true,"num":1}]`), Attachments: [][]byte{{1}}}),
		"rooms":          {Kind: core.KindSocketsLeave, Namespace: "/"},
		"request id":     {Kind: core.KindFetchSockets, Namespace: "/"},
		"socket":         broken,
		"socket data":    noData,
		"handshake":      noHandshake,
		"two values":     {Kind: core.KindBroadcastAck, Namespace: "/", RequestID: "r", Payload: text(`1 2`)},
		"no UTF-8":       {Kind: core.KindBroadcastAck, Namespace: "/", RequestID: "r", Payload: text("\"\xff\"")},
		"no JSON at all": {Kind: core.KindBroadcastAck, Namespace: "/", RequestID: "r", Payload: text(`x`)},
	} {
		if WellFormed(m) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

func TestPlaces(t *testing.T) {
	for _, n := range []int{0, 1, 511, 512, 513, 600, 1024, 5000, 1 << 20} {
		list := places(n)
		for i, at := range list {
			if at < 0 || at >= n || i > 0 && at <= list[i-1] || i < 256 && at != i {
				t.Fatalf("%d: place %d is %d", n, i, at)
			}
		}
		if n > 0 && list[len(list)-1] != n-1 || len(list) > 1100 {
			t.Errorf("%d: %d places, the last one %d", n, len(list), list[len(list)-1])
		}
	}
}

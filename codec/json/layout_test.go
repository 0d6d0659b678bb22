package json

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/codec/codectest"
	"github.com/socketmesh/mesh/core"
)

// Nodes of other versions rely on the layout: each member stands where it always has.
func TestLayout(t *testing.T) {
	payload := core.Payload{
		Text:        []byte(`["hello",{"n":1,"file":{"_placeholder":true,"num":0}}]`),
		Attachments: [][]byte{{0, '\n'}},
	}
	for want, m := range map[string]*core.Message{
		`{"kind":2,"from":"746b5745bee1accf","nsp":"/"}` + "\n": {Kind: core.KindHeartbeat, From: "746b5745bee1accf", Namespace: "/"},
		`{"kind":3,"from":"746b5745bee1accf","nsp":"/","to":{"rooms":["r1"]},"payload":[54,2]}` + "\n" +
			`["hello",{"n":1,"file":{"_placeholder":true,"num":0}}]` + "\x00\n": {
			Kind: core.KindBroadcast, From: "746b5745bee1accf", Namespace: "/", To: core.Target{Rooms: []string{"r1"}}, Payload: payload},
		`{"kind":3,"from":"a","nsp":"/b","id":"c","to":{"rooms":["r","é\n"],"except":["x"],"volatile":true,"compress":true,"single":true,"timeout":1500},"payload":[5]}` + "\n" +
			`["e"]`: {Kind: core.KindBroadcast, From: "a", Namespace: "/b", RequestID: "c", Payload: core.Payload{Text: []byte(`["e"]`)}, To: core.Target{
			Rooms: []string{"r", "é\n"}, Except: []string{"x"}, Flags: core.Flags{Volatile: true, Compress: core.CompressOn, ExpectSingleResponse: true, Timeout: 1500 * time.Millisecond}}},
		`{"kind":3,"from":"a","nsp":"/","to":{"compress":false},"payload":[5]}` + "\n" + `["e"]`: {
			Kind: core.KindBroadcast, From: "a", Namespace: "/", Payload: core.Payload{Text: []byte(`["e"]`)}, To: core.Target{Flags: core.Flags{Compress: core.CompressOff}}},
		`{"kind":5,"from":"a","nsp":"/","rooms":[]}` + "\n":   {Kind: core.KindSocketsLeave, From: "a", Namespace: "/", Rooms: []string{}},
		`{"kind":6,"from":"a","nsp":"/","close":true}` + "\n": {Kind: core.KindDisconnectSockets, From: "a", Namespace: "/", Close: true},
		`{"kind":7,"from":"a","nsp":"/","id":"r","trace":"00-t","to":{"rooms":["r"]}}` + "\n": {
			Kind: core.KindFetchSockets, From: "a", Namespace: "/", RequestID: "r", Trace: "00-t", To: core.Target{Rooms: []string{"r"}}},
		`{"kind":7,"from":"a","nsp":"/","id":"r","brief":true}` + "\n": {Kind: core.KindFetchSockets, From: "a", Namespace: "/", RequestID: "r", Brief: true},
		`{"kind":8,"from":"a","nsp":"/","id":"r","sockets":[{"id":"s","rooms":["s","v"],"handshake":[13],"data":[29,1]},{"id":"t"}]}` + "\n" +
			`{"auth":null}{"_placeholder":true,"num":0}` + "\x07": {Kind: core.KindFetchSocketsResponse, From: "a", Namespace: "/", RequestID: "r", Sockets: []core.Socket{
			{ID: "s", Rooms: []string{"s", "v"}, Handshake: core.Payload{Text: []byte(`{"auth":null}`)}, Data: core.Payload{Text: []byte(`{"_placeholder":true,"num":0}`), Attachments: [][]byte{{7}}}},
			{ID: "t"}}},
		`{"kind":11,"from":"a","nsp":"/","id":"r","count":3}` + "\n":   {Kind: core.KindBroadcastClientCount, From: "a", Namespace: "/", RequestID: "r", Count: 3},
		`{"kind":14,"from":"a","nsp":"/","to":{"rooms":["r"]}}` + "\n": {Kind: core.KindSocketsLeaveAll, From: "a", Namespace: "/", To: core.Target{Rooms: []string{"r"}}},
	} {
		have, err := New().Append(nil, m)
		if err != nil || string(have) != want {
			t.Errorf("%v\nhave %s\nwant %s", err, have, want)
		}
		var back core.Message
		if err := New().Decode([]byte(want), &back); err != nil || !reflect.DeepEqual(&back, m) {
			t.Errorf("%s: %v\nhave %+v\nwant %+v", want, err, back, *m)
		}
	}
}

// Texts and attachments arrive byte for byte.
func TestPayloadsAreExact(t *testing.T) {
	for _, v := range codectest.Messages() {
		b, err := New().Append(nil, v.Message)
		if err != nil {
			t.Fatal(err)
		}
		var m core.Message
		if err := New().Decode(b, &m); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m.Payload.Text, v.Message.Payload.Text) || len(m.Payload.Attachments) != len(v.Message.Payload.Attachments) {
			t.Errorf("%s: have %.80s", v.Name, m.Payload.Text)
		}
		for i, a := range m.Payload.Attachments {
			if !bytes.Equal(a, v.Message.Payload.Attachments[i]) {
				t.Errorf("%s: attachment %d is another", v.Name, i)
			}
		}
	}
}

func TestLeniency(t *testing.T) {
	broadcast := core.Message{Kind: core.KindBroadcast, From: "a", Namespace: "/", Payload: core.Payload{Text: []byte(`["e"]`)}}
	for src, want := range map[string]core.Message{
		"{\"payload\":[5],\"nsp\":\"/\",\"from\":\"a\",\"kind\":3}\n[\"e\"]":                                                                                      broadcast,
		" {\t\"kind\" : 3 , \"from\":\"a\",\"nsp\":\"/\",\"payload\":[ 5 ] } \r\n[\"e\"]":                                                                         broadcast,
		`{"kind":3,"new":{"kind":[4,{}]},"from":"a","nsp":"/","payload":[5],"to":{"new":1}}` + "\n" + `["e"]`:                                                     broadcast,
		`{"kind":3,"from":"a","nsp":"/","id":null,"to":null,"rooms":null,"close":null,"count":null,"sockets":null,"payload":[5],"new":null}` + "\n" + `["e"]`:     broadcast,
		`{"k\u0069nd":3,"from":"\u0061","nsp":"\/","payload":[5],"to":{"rooms":null,"except":null,"volatile":null,"compress":null,"timeout":null}}` + "\n[\"e\"]": broadcast,
		`{"kind":3,"from":"a","nsp":"/","payload":[5],"to":{"timeout":-5}}` + "\n[\"e\"]":                                                                         broadcast,
		`{"kind":2,"from":"","nsp":"/"}` + "\n": {Kind: core.KindHeartbeat, Namespace: "/"},
		`{"kind":2,"from":"a","nsp":"/","to":{"timeout":9223372036854775807}}` + "\n": {Kind: core.KindHeartbeat, From: "a", Namespace: "/",
			To: core.Target{Flags: core.Flags{Timeout: math.MaxInt64 / time.Millisecond * time.Millisecond}}},
	} {
		var m core.Message
		if err := New().Decode([]byte(src), &m); err != nil || !reflect.DeepEqual(m, want) {
			t.Errorf("%s: %v\nhave %+v\nwant %+v", src, err, m, want)
		}
	}
}

func TestMalformed(t *testing.T) {
	const head, line = `{"kind":3,"from":"a","nsp":"/","payload":`, "}\n"
	if err := New().Decode([]byte(head+`[5]`+line+`["e"]`), new(core.Message)); err != nil {
		t.Fatal(err)
	}
	for _, src := range []string{
		"", "\n", "{}", "{}\n", "null\n", "[]\n", "{\"kind\":2,\"from\":\"a\",\"nsp\":\"/\"}", "{\"kind\":2,\"from\":\"a\",\"nsp\":\"/\"}}\n",
		"{\"kind\":2,\"from\":\"a\",\"nsp\":\"/\"}{}\n", "{\"kind\":2,\"from\":\"a\"\n,\"nsp\":\"/\"}\n", "{\"kind\":2,\"from\":\"\xff\",\"nsp\":\"/\"}\n",
		`{"from":"a","nsp":"/"}` + "\n", `{"kind":"2","from":"a","nsp":"/"}` + "\n", `{"kind":2.0,"from":"a","nsp":"/"}` + "\n", `{"kind":-2,"from":"a","nsp":"/"}` + "\n",
		`{"kind":99999999999999999999,"from":"a","nsp":"/"}` + "\n",
		`{"kind":2,"nsp":"/"}` + "\n", `{"kind":2,"from":7,"nsp":"/"}` + "\n", `{"kind":2,"from":"a"}` + "\n", `{"kind":2,"from":"a","nsp":""}` + "\n", `{"kind":2,"from":"a","nsp":["/"]}` + "\n",
		`{"kind":2,"from":"a","nsp":"/"}` + "\nx", `{"kind":2,"from":"a","nsp":"/","to":[]}` + "\n", `{"kind":2,"from":"a","nsp":"/","to":{"rooms":"r"}}` + "\n", `{"kind":2,"from":"a","nsp":"/","to":{"rooms":[1]}}` + "\n",
		`{"kind":2,"from":"a","nsp":"/","to":{"rooms":[null]}}` + "\n", `{"kind":2,"from":"a","nsp":"/","to":{"volatile":1}}` + "\n", `{"kind":2,"from":"a","nsp":"/","to":{"timeout":1.5}}` + "\n",
		`{"kind":4,"from":"a","nsp":"/"}` + "\n", `{"kind":5,"from":"a","nsp":"/","rooms":null}` + "\n", `{"kind":6,"from":"a","nsp":"/","close":1}` + "\n",
		`{"kind":7,"from":"a","nsp":"/"}` + "\n", `{"kind":8,"from":"a","nsp":"/","id":""}` + "\n", `{"kind":10,"from":"a","nsp":"/"}` + "\n", `{"kind":12,"from":"a","nsp":"/"}` + "\n",
		`{"kind":11,"from":"a","nsp":"/","id":"r","count":-1}` + "\n", `{"kind":11,"from":"a","nsp":"/","id":"r","count":"1"}` + "\n",
		`{"kind":8,"from":"a","nsp":"/","id":"r","sockets":[{}]}` + "\n", `{"kind":8,"from":"a","nsp":"/","id":"r","sockets":["s"]}` + "\n", `{"kind":8,"from":"a","nsp":"/","id":"r","sockets":{}}` + "\n",
		`{"kind":8,"from":"a","nsp":"/","id":"r","sockets":[{"id":"s","data":[1]}]}` + "\n?", `{"kind":8,"from":"a","nsp":"/","id":"r","sockets":[{"id":"s","data":[1]}]}` + "\n",
		`{"kind":3,"from":"a","nsp":"/","sockets":[{}],"payload":[5]}` + "\n" + `["e"]`,
		`{"kind":3,"from":"a","nsp":"/"}` + "\n", `{"kind":9,"from":"a","nsp":"/"}` + "\n",
		head + `[]` + line, head + `[0]` + line, head + `[-1]` + line, head + `["5"]` + line + `["e"]`, head + `5` + line + `["e"]`, head + `[5.0]` + line + `["e"]`, head + `[[5]]` + line + `["e"]`, head + `[null]` + line,
		head + `[6]` + line + `["e"]`, head + `[4]` + line + `["e"]`, head + `[5]` + line + `["e"] `, head + `[5,1]` + line + `["e"]`, head + `[9223372036854775807]` + line + `["e"]`, head + `[5,9223372036854775807]` + line + `["e"]`,
		head + `[5],"payload":[5]` + line + `["e"]`,
		head + `[5]` + line + `["e",`, head + `[5]` + line + "[\"\xff\"]", head + `[2]` + line + `[]`, head + `[3]` + line + `[1]`, head + `[7]` + line + `{"e":1}`,
		head + `[35,1]` + line + `["e",{"_placeholder":true,"num":1}]x`, head + `[27,1]` + line + `["e",{"_placeholder":true}]x`,
		strings.Repeat("[", 1<<20) + "\n", `{"x":` + strings.Repeat("[", 1<<20) + "\n", head + `[1048576]` + line + strings.Repeat("[", 1<<20),
	} {
		var m core.Message
		if err := New().Decode([]byte(src), &m); !errors.Is(err, core.ErrMalformed) || errors.Is(err, core.ErrUnsupported) {
			t.Errorf("%.200q: %v, want one that wraps ErrMalformed alone; %+v", src, err, m)
		}
	}
}

func TestUnknownKinds(t *testing.T) {
	for _, kind := range []string{"0", "15", "255", "256", "1000000"} {
		src := `{"kind":` + kind + `,"from":"a","nsp":"/","payload":[5]}` + "\n" + `["e"] and what else there may be`
		if err := New().Decode([]byte(src), new(core.Message)); !errors.Is(err, core.ErrUnsupported) || errors.Is(err, core.ErrMalformed) {
			t.Errorf("kind %s: %v, want one that wraps ErrUnsupported alone", kind, err)
		}
	}
}

package json

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/socketmesh/mesh/core"
)

// decodeFast and decodeSlow decode a message without and with the JSON scanner.
func decodeFast(src []byte) (m core.Message, ok bool) {
	d, ok := decoderOf(src)
	return m, ok && d.fastPath(&m)
}

func decodeSlow(src []byte) (m core.Message, ok bool) {
	d, ok := decoderOf(src)
	return m, ok && d.header(&m) == nil && len(d.blobs) == 0
}

func decoderOf(src []byte) (*decoder, bool) {
	header, blobs, ok := bytes.Cut(src, []byte("\n"))
	return &decoder{reader: newReader(header), blobs: bytes.Clone(blobs)}, ok
}

// The fast path decodes the usual messages, and leaves others to the scanner.
func TestFastPath(t *testing.T) {
	event := core.Payload{Text: []byte(`["e"]`)}
	for want, m := range map[bool][]core.Message{
		true: {
			{Kind: core.KindBroadcast, From: "a", Namespace: "/", Payload: event},
			{Kind: core.KindBroadcast, From: "a", Namespace: "/n", Payload: core.Payload{Text: event.Text, Attachments: [][]byte{{1}, {}}}},
			{Kind: core.KindBroadcast, From: "a", Namespace: "/", To: core.Target{Rooms: []string{"r"}}, Payload: event},
			{Kind: core.KindBroadcast, From: "a", Namespace: "/", To: core.Target{Rooms: []string{"r", "", "a ]\\"[:3]}}, RequestID: "id", Payload: event},
			{Kind: core.KindBroadcastAck, From: "a", Namespace: "/", RequestID: "id", Payload: event},
			{Kind: core.KindHeartbeat, From: "a", Namespace: "/"},
			{Kind: core.KindFetchSocketsResponse, From: "a", Namespace: "/", RequestID: "id", Sockets: []core.Socket{
				{ID: "s", Rooms: []string{"s", "r"}, Handshake: core.Payload{Text: []byte(`{}`)}, Data: core.Payload{Text: []byte(`{"_placeholder":true,"num":0}`), Attachments: [][]byte{{7}}}},
				{ID: "t"},
			}},
		},
		false: {
			{Kind: core.KindBroadcast, From: "a", Namespace: "/", To: core.Target{Rooms: []string{"ü"}}, Payload: event},
			{Kind: core.KindBroadcast, From: "a", Namespace: "/", To: core.Target{Rooms: []string{`"`}}, Payload: event},
			{Kind: core.KindBroadcast, From: "a", Namespace: "/", To: core.Target{Rooms: []string{"r"}, Except: []string{"s"}}, Payload: event},
			{Kind: core.KindSocketsJoin, From: "a", Namespace: "/", Rooms: []string{"r"}},
		},
	} {
		for _, m := range m {
			src, err := New().Append(nil, &m)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := decodeFast(src)
			if ok != want || ok && !reflect.DeepEqual(got, m) {
				t.Errorf("%q: %v, %+v", src, ok, got)
			}
		}
	}
}

// The fast path decodes to the same message as the scanner.
func FuzzFastPath(f *testing.F) {
	for _, header := range []string{
		`{"kind":3,"from":"a","nsp":"/","payload":[5]}`,
		`{"kind":3,"from":"a","nsp":"/","id":"i","to":{"rooms":["r","s"]},"payload":[3,2]}`,
		`{"kind":3,"from":"a","nsp":"/","to":{"rooms":["r"]},"payload":[05]}`,
		`{"kind":3,"from":"a","nsp":"/","to":{"rooms":[]},"payload":[5]}`,
		`{"kind":3,"from":"a","nsp":"/","to":{"rooms":["r"],"except":["s"]},"payload":[5]}`,
		`{"kind":259,"from":"\u0061","nsp":"/","payload":[5]}`,
		`{"kind":4,"from":"a","nsp":"/"}`,
		`{"kind":8,"from":"a","nsp":"/","id":"i","sockets":[{"id":"s","rooms":["r"],"handshake":[2],"data":[3]},{"id":"t"}]}`,
		`{"kind":8,"from":"a","nsp":"/","id":"i","sockets":[]}`,
		`{"kind":99999999999,"from":"a","nsp":"/","payload":[]}`,
	} {
		f.Add([]byte(header + "\n" + `["e"]`))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		short, ok := decodeFast(src)
		if !ok {
			return
		}
		if long, ok := decodeSlow(src); !ok || !reflect.DeepEqual(short, long) {
			t.Errorf("%+v, not %+v (%v)", short, long, ok)
		}
	})
}

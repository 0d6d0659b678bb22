package proto

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/socketmesh/mesh/codec/proto/meshpb"
	"github.com/socketmesh/mesh/core"
)

// TestLengths: nested messages whose length takes one, two or three bytes are written
// right.
func TestLengths(t *testing.T) {
	m := core.Message{Kind: core.KindFetchSocketsResponse, From: "a", Namespace: "/", RequestID: "q", Sockets: []core.Socket{{}, {ID: "last"}}}
	for _, length := range []int{0, 1, 100, 120, 123, 124, 125, 126, 127, 128, 129, 200, 255, 256, 300, 16370, 16375, 16380, 16381, 16384, 16390, 70000, 1 << 21} {
		name := strings.Repeat("x", length)
		m.To = core.Target{Rooms: []string{name}, Except: []string{"e"}}
		m.Sockets[0] = core.Socket{ID: "s", Rooms: []string{name, "r"}}
		frame, err := New().Append(nil, &m)
		if err != nil {
			t.Fatal(err)
		}
		var have meshpb.Message
		if err := proto.Unmarshal(frame, &have); err != nil || !proto.Equal(&have, generated(&m)) {
			t.Errorf("a room's name of %d bytes: %v", length, err)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	const answer = core.KindFetchSocketsResponse
	for name, c := range map[string]struct {
		m    core.Message
		want error
	}{
		"no kind":        {core.Message{Namespace: "/"}, core.ErrUnsupported},
		"unknown kind":   {core.Message{Kind: 15, Namespace: "/"}, core.ErrUnsupported},
		"no namespace":   {core.Message{Kind: core.KindHeartbeat}, core.ErrMalformed},
		"no request id":  {core.Message{Kind: answer, Namespace: "/"}, core.ErrMalformed},
		"negative count": {core.Message{Kind: core.KindBroadcastClientCount, Namespace: "/", RequestID: "q", Count: -1}, core.ErrMalformed},
		"no socket id":   {core.Message{Kind: answer, Namespace: "/", RequestID: "q", Sockets: []core.Socket{{ID: "s"}, {}}}, core.ErrMalformed},
		"no event":       {core.Message{Kind: core.KindBroadcast, Namespace: "/"}, core.ErrMalformed},
	} {
		if frame, err := New().Append(nil, &c.m); !errors.Is(err, c.want) || frame != nil {
			t.Errorf("%s: %x, %v, want one that wraps %v", name, frame, err, c.want)
		}
	}
}

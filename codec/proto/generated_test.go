package proto

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/socketmesh/mesh/codec/codectest"
	"github.com/socketmesh/mesh/codec/proto/meshpb"
	"github.com/socketmesh/mesh/core"
)

// The codec writes the wire format itself. These tests hold it against the
// generated code, which knows nothing of it.

// TestGeneratedReadsFrames: the generated code reads what the codec writes, without
// unknown fields, and writes the same bytes.
func TestGeneratedReadsFrames(t *testing.T) {
	for _, v := range codectest.Messages() {
		frame, err := New().Append(nil, v.Message)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		var have meshpb.Message
		if err := proto.Unmarshal(frame, &have); err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if want := generated(v.Message); !proto.Equal(&have, want) {
			t.Errorf("%s: have %.500v, want %.500v", v.Name, &have, want)
		}
		if again := marshal(t, &have); !bytes.Equal(again, frame) {
			t.Errorf("%s: the generated code writes %.500x, the codec %.500x", v.Name, again, frame)
		}
	}
}

// TestFramesOfGenerated: the codec reads what the generated code writes.
func TestFramesOfGenerated(t *testing.T) {
	for _, v := range codectest.Messages() {
		var m core.Message
		if err := New().Decode(marshal(t, generated(v.Message)), &m); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		} else if d := codectest.Diff(&m, v.Message); d != "" {
			t.Errorf("%s: %s", v.Name, d)
		}
	}
}

// FuzzGenerated: the codec and the generated code read any input alike, and refuse the
// same.
func FuzzGenerated(f *testing.F) {
	for _, v := range codectest.Messages() {
		if frame, err := New().Append(nil, v.Message); err == nil && len(frame) < 1024 {
			f.Add(frame)
			f.Add(append(frame, frame...)) // fields that come twice
		}
	}
	for _, frame := range newer() {
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var m core.Message
		err := New().Decode(src, &m)
		var reference meshpb.Message
		if generatedErr := proto.Unmarshal(src, &reference); generatedErr != nil {
			if !errors.Is(err, core.ErrMalformed) {
				t.Fatalf("the generated code refuses it: %v; the codec: %v", generatedErr, err)
			}
			return
		}
		if known := reference.Kind > 0 && reference.Kind <= meshpb.Kind_KIND_SOCKETS_LEAVE_ALL; known == errors.Is(err, core.ErrUnsupported) && reference.Kind != 0 {
			t.Fatalf("kind %d: %v", reference.Kind, err)
		}
		if err != nil {
			return // it is protobuf, but no message
		}
		want := plain(&reference)
		if d := codectest.Diff(&m, want); d != "" {
			t.Fatal(d)
		}
		if !bytes.Equal(m.Payload.Text, want.Payload.Text) {
			t.Fatalf("text %q, want %q", m.Payload.Text, want.Payload.Text)
		}
	})
}

func marshal(t testing.TB, m *meshpb.Message) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// generated converts m to the type of the generated code.
func generated(m *core.Message) *meshpb.Message {
	g := &meshpb.Message{
		Kind: meshpb.Kind(m.Kind), From: m.From, Namespace: m.Namespace, RequestId: m.RequestID,
		Rooms: m.Rooms, Payload: generatedPayload(m.Payload), Close: m.Close, Brief: m.Brief, Count: uint64(m.Count), Trace: m.Trace,
	}
	to := meshpb.Target{Rooms: m.To.Rooms, Except: m.To.Except}
	flags := meshpb.Flags{Volatile: m.To.Flags.Volatile, ExpectSingleResponse: m.To.Flags.ExpectSingleResponse, TimeoutMs: uint64(m.To.Flags.Timeout.Milliseconds())}
	if m.To.Flags.Compress != core.CompressUnset {
		flags.Compress = proto.Bool(m.To.Flags.Compress == core.CompressOn)
	}
	if !proto.Equal(&flags, &meshpb.Flags{}) {
		to.Flags = &flags
	}
	if !proto.Equal(&to, &meshpb.Target{}) {
		g.To = &to
	}
	for _, s := range m.Sockets {
		g.Sockets = append(g.Sockets, &meshpb.Socket{Id: s.ID, Rooms: s.Rooms, Handshake: generatedPayload(s.Handshake), Data: generatedPayload(s.Data), Address: s.Address})
	}
	return g
}

func generatedPayload(p core.Payload) *meshpb.Payload {
	if p.IsZero() {
		return nil
	}
	return &meshpb.Payload{Text: p.Text, Attachments: p.Attachments}
}

// plain converts g back, without any check.
func plain(g *meshpb.Message) *core.Message {
	m := &core.Message{
		Kind: core.Kind(g.Kind), From: g.From, Namespace: g.Namespace, RequestID: g.RequestId,
		Rooms: g.Rooms, Payload: plainPayload(g.Payload), Close: g.Close, Brief: g.Brief, Count: int(g.Count), Trace: g.Trace,
		To: core.Target{Rooms: g.GetTo().GetRooms(), Except: g.GetTo().GetExcept()},
	}
	if f := g.GetTo().GetFlags(); f != nil {
		m.To.Flags = core.Flags{Volatile: f.Volatile, ExpectSingleResponse: f.ExpectSingleResponse}
		m.To.Flags.Timeout = time.Duration(min(f.TimeoutMs, uint64(math.MaxInt64/time.Millisecond))) * time.Millisecond
		if f.Compress != nil {
			m.To.Flags.Compress = map[bool]core.Compress{true: core.CompressOn, false: core.CompressOff}[*f.Compress]
		}
	}
	for _, s := range g.Sockets {
		m.Sockets = append(m.Sockets, core.Socket{ID: s.Id, Rooms: s.Rooms, Handshake: plainPayload(s.Handshake), Data: plainPayload(s.Data), Address: s.Address})
	}
	return m
}

func plainPayload(g *meshpb.Payload) core.Payload {
	return core.Payload{Text: g.GetText(), Attachments: g.GetAttachments()}
}

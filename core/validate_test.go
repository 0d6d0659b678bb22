package core_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/codec/codectest"
	"github.com/socketmesh/mesh/core"
)

func TestValidateTakesWhatCodecsCarry(t *testing.T) {
	for _, v := range codectest.Messages() {
		if err := v.Message.Validate(); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}

// TestValidateRefuses breaks one promise at a time. The suite's own judge, which
// shares no code with Validate, has to agree.
func TestValidateRefuses(t *testing.T) {
	text := func(s string) core.Payload { return core.Payload{Text: []byte(s)} }
	fetched := func(s core.Socket) *core.Message {
		return &core.Message{Kind: core.KindFetchSocketsResponse, Namespace: "/", RequestID: "r", Sockets: []core.Socket{s}}
	}
	broadcast := func(change func(*core.Message)) *core.Message {
		m := codectest.Broadcast(text(`["e"]`))
		change(m)
		return m
	}
	for name, m := range map[string]*core.Message{
		"no namespace":     broadcast(func(m *core.Message) { m.Namespace = "" }),
		"local":            broadcast(func(m *core.Message) { m.To.Flags.Local = true }),
		"negative timeout": broadcast(func(m *core.Message) { m.To.Flags.Timeout = -time.Second }),
		"unknown compress": broadcast(func(m *core.Message) { m.To.Flags.Compress = core.CompressOff + 1 }),
		"no payload":       broadcast(func(m *core.Message) { m.Payload = core.Payload{} }),
		"not JSON":         broadcast(func(m *core.Message) { m.Payload = text(`["e",]`) }),
		"two values":       broadcast(func(m *core.Message) { m.Payload = text(`["e"]["e"]`) }),
		"not UTF-8":        broadcast(func(m *core.Message) { m.Payload = text("[\"\xff\"]") }),
		"not an event":     broadcast(func(m *core.Message) { m.Payload = text(`[1]`) }),
		"placeholder": broadcast(func(m *core.Message) {
			m.Payload = core.Payload{Text: []byte(`["e",{"_placeholder":true,"num":1}]`), Attachments: [][]byte{{1}}}
		}),
		"join nothing known":    {Kind: core.KindSocketsJoin, Namespace: "/"},
		"leave nothing known":   {Kind: core.KindSocketsLeave, Namespace: "/"},
		"anonymous request":     {Kind: core.KindFetchSockets, Namespace: "/"},
		"anonymous answer":      {Kind: core.KindServerSideEmitResponse, Namespace: "/"},
		"negative count":        {Kind: core.KindBroadcastClientCount, Namespace: "/", RequestID: "r", Count: -1},
		"attachments of no one": {Kind: core.KindBroadcastAck, Namespace: "/", RequestID: "r", Payload: core.Payload{Attachments: [][]byte{{1}}}},
		"socket without id":     fetched(core.Socket{}),
		"bad handshake":         fetched(core.Socket{ID: "s", Handshake: text(`{`)}),
		"bad data":              fetched(core.Socket{ID: "s", Data: text(`}`)}),
	} {
		if err := m.Validate(); !errors.Is(err, core.ErrMalformed) {
			t.Errorf("%s: %v, want an error that wraps ErrMalformed", name, err)
		}
		if codectest.WellFormed(m) == nil {
			t.Errorf("%s: the suite calls it well-formed", name)
		}
	}
	for _, kind := range []core.Kind{0, core.KindSocketsLeaveAll + 1, 255} {
		if err := (&core.Message{Kind: kind, Namespace: "/"}).Validate(); !errors.Is(err, core.ErrUnsupported) {
			t.Errorf("kind %d: %v, want an error that wraps ErrUnsupported", kind, err)
		}
	}
}

// TestComplete: what is missing is told.
func TestComplete(t *testing.T) {
	event := core.Payload{Text: []byte(`["e"]`)}
	for name, c := range map[string]struct {
		m    core.Message
		want string // in the error; none if empty
	}{
		"broadcast":           {core.Message{Kind: core.KindBroadcast, Namespace: "/", Payload: event}, ""},
		"no namespace":        {core.Message{Kind: core.KindBroadcast, Payload: event}, "no namespace"},
		"broadcast of a text": {core.Message{Kind: core.KindBroadcast, Namespace: "/", Payload: core.Payload{Text: []byte(`"e"`)}}, "an event is an array"},
		"question":            {core.Message{Kind: core.KindFetchSockets, Namespace: "/", RequestID: "q"}, ""},
		"question without id": {core.Message{Kind: core.KindFetchSockets, Namespace: "/"}, "no request id"},
		"answer without id":   {core.Message{Kind: core.KindBroadcastAck, Namespace: "/"}, "no request id"},
		"negative count":      {core.Message{Kind: core.KindBroadcastClientCount, Namespace: "/", RequestID: "q", Count: -1}, "count is -1"},
		"nameless socket": {core.Message{
			Kind: core.KindFetchSocketsResponse, Namespace: "/", RequestID: "q", Sockets: []core.Socket{{ID: "a"}, {}},
		}, "socket 1: no id"},
	} {
		err := c.m.Complete()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

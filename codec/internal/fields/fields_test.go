package fields_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/codec/internal/fields"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/jsontext"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCheck(t *testing.T) {
	event := core.Payload{Text: []byte(`["e"]`)}
	for name, c := range map[string]struct {
		m    core.Message
		want error
	}{
		"broadcast":           {core.Message{Kind: core.KindBroadcast, Namespace: "/", Payload: event}, nil},
		"no namespace":        {core.Message{Kind: core.KindBroadcast, Payload: event}, fields.ErrNoNamespace},
		"broadcast of a text": {core.Message{Kind: core.KindBroadcast, Namespace: "/", Payload: core.Payload{Text: []byte(`"e"`)}}, jsontext.ErrSyntax},
		"question":            {core.Message{Kind: core.KindFetchSockets, Namespace: "/", RequestID: "q"}, nil},
		"question without id": {core.Message{Kind: core.KindFetchSockets, Namespace: "/"}, fields.ErrNoRequestID},
		"answer without id":   {core.Message{Kind: core.KindBroadcastAck, Namespace: "/"}, fields.ErrNoRequestID},
		"negative count":      {core.Message{Kind: core.KindBroadcastClientCount, Namespace: "/", RequestID: "q", Count: -1}, fields.ErrNegative},
		"nameless socket": {core.Message{
			Kind: core.KindFetchSocketsResponse, Namespace: "/", RequestID: "q", Sockets: []core.Socket{{ID: "a"}, {}},
		}, fields.ErrSocketID},
	} {
		if err := fields.Check(&c.m); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

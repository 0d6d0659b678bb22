package socketio

import (
	"testing"

	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// TestFrames: WebSocket gets a text packet with Engine.IO's type in front, once
// for all clients; other transports, and packets with attachments, go without.
func TestFrames(t *testing.T) {
	id := uint64(12)
	for _, test := range []struct {
		namespace   string
		id          *uint64
		attachments [][]byte
		packet      string
	}{
		{"/", nil, nil, `2["e"]`},
		{"/", &id, nil, `212["e"]`},
		{"/chat", nil, nil, `2/chat,["e"]`},
		{"/chat", &id, [][]byte{{1}, {2}}, `52-/chat,12["e"]`},
		{"/", nil, [][]byte{{}}, `51-["e"]`},
	} {
		nsp := newNamespace(t, lonely{}).Server().Of(test.namespace, nil)
		d := delivery{host: hostOf(nsp), id: test.id, event: core.Payload{Text: []byte(`["e"]`), Attachments: test.attachments}}
		d.encode()
		if text, ok := d.buffers[0].(*types.StringBuffer); !ok || text.String() != test.packet {
			t.Errorf("packet %v, want %s", d.buffers[0], test.packet)
		}
		if len(d.buffers) != 1+len(test.attachments) {
			t.Errorf("%s: %d attachments", test.packet, len(d.buffers)-1)
		}
		frame := d.options.WsPreEncodedFrame
		if binary := len(test.attachments) > 0; binary != (frame == nil) || !binary && frame.String() != "4"+test.packet {
			t.Errorf("%s: frame %v", test.packet, frame)
		}
	}
}

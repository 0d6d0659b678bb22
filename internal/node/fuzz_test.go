package node_test

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/codec/msgpack"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/node"
)

// FuzzFrames sends a node any frames, before the handshake and after it. The node goes
// on, and so do its other links.
func FuzzFrames(f *testing.F) {
	pack := func(frames ...[]byte) []byte {
		var b []byte
		for _, frame := range frames {
			b = append(binary.AppendUvarint(b, uint64(len(frame))), frame...)
		}
		return b
	}
	message := func(c core.Codec, m core.Message) []byte {
		frame, err := c.Append([]byte{1}, &m)
		if err != nil {
			f.Fatal(err)
		}
		return frame
	}
	hello, native := node.HelloFrame("q", "ws://q", ""), node.HelloFrame("q", "ws://q", "", "json", "msgpack")
	event := core.Message{Kind: core.KindBroadcast, From: "q", Namespace: "/", Payload: coretest.Event("x")}
	fetch := core.Message{Kind: core.KindFetchSockets, From: "q", Namespace: "/", RequestID: "1"}
	f.Add(pack(hello))
	f.Add(pack(hello, message(msgpack.New(), event), message(msgpack.New(), fetch)))
	f.Add(pack(native, node.StartFrame("json"), message(json.New(), event), message(json.New(), fetch)))
	f.Add(pack(native, node.StartFrame("msgpack"), message(msgpack.New(), event), []byte{6}, []byte{4}))
	f.Add(pack(native, []byte{3}, []byte{}))
	session := node.ResumableHello("q", "p", "1")
	f.Add(pack(session, node.ResumableStart("s", "e", 0), message(json.New(), event), node.AckFrame(0), node.SyncFrame("s"), node.AckFrame(1, 2)))
	f.Add(pack(session, node.SyncFrame("s"), node.ResumableStart("s", "e", 7), message(json.New(), event), node.ResumableStart("s", "e", 1<<40)))
	batch := []byte{7}
	for range 3 {
		m := message(json.New(), event)[1:]
		batch = append(binary.AppendUvarint(batch, uint64(len(m))), m...)
	}
	f.Add(pack(native, node.StartFrame("json"), batch, batch[:len(batch)-9], append(batch, 0xff, 0xff), []byte{7}, []byte{6, 0x81, 0xa4, 's', 'e', 'n', 't', 3}))
	f.Fuzz(func(t *testing.T, data []byte) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			a, b := w.start("a"), w.start("b")
			within(10 * time.Millisecond)
			conn := w.dial("a")
			for len(data) > 0 {
				size, n := binary.Uvarint(data)
				if n <= 0 {
					break
				}
				data = data[n:]
				size = min(size, uint64(len(data)))
				if conn.Send(t.Context(), [][]byte{data[:size]}) != nil {
					break
				}
				data = data[size:]
			}
			within(100 * time.Millisecond)
			b.emit("still here")
			within(10 * time.Millisecond)
			heard := a.received()
			if len(heard) == 0 || heard[len(heard)-1] != "b: still here" {
				t.Errorf("a has heard %q", heard)
			}
		})
	})
}

package compat

import (
	"fmt"
	"testing"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// TestEngineListeners: the engine's sockets tell what happens to them, packet by
// packet. Each packet is out before the next one, so that each goes alone.
func TestEngineListeners(t *testing.T) {
	run(t, func(s *stage) {
		s.serve(nil)
		connected := make(chan *socket.Socket, 1)
		s.welcome("/", func(c *socket.Socket, n *notes) {
			_ = c.On("one", func(...any) { c.Emit("answer", 1) })
			_ = c.On("all", func(...any) { s.io.Emit("answer", 2) })
			_ = c.On("bytes", func(...any) { c.Emit("answer", []byte{3}) })
			connected <- c
		})
		w := s.raw("websocket").open4()
		c := <-connected
		conn := c.Conn()
		s.awaitWritable(conn.Id()) // all that belongs to the beginning has been sent
		n := s.notesOf("server of ")
		n.add("id %s, protocol %d, state %s, transport %s, upgraded %v, remote %s",
			conn.Id(), conn.Protocol(), conn.ReadyState(), conn.Transport().Name(), conn.Upgraded(), conn.RemoteAddress())
		n.add("request %s, ip %s", conn.Request().Method(), c.Handshake().Address)
		_ = conn.On("packet", func(values ...any) { n.add("packet %s", packetOf(values[0])) })
		_ = conn.On("packetCreate", func(values ...any) { n.add("packetCreate %s", values[0].(*packet.Packet).Type) })
		_ = conn.On("flush", func(values ...any) { n.add("flush of %d", len(values[0].([]*packet.Packet))) })
		_ = conn.On("drain", func(...any) { n.add("drain") })
		_ = conn.On("data", func(values ...any) { n.add("data") }) // which the server has read by now
		_ = conn.On("message", func(values ...any) { n.add("message") })
		_ = conn.On("close", func(values ...any) { n.add("close %v", values[0]) })
		onServer := s.notes("engine")
		for _, event := range []string{"flush", "drain"} {
			_ = s.engine().On(types.EventName(event), func(values ...any) {
				onServer.add("%s of a connection that is %s", event, values[0].(engine.Socket).ReadyState())
			})
		}

		drains := 0
		answered := func(answers int) {
			drains += answers
			for range answers {
				w.read()
			}
			n.awaitCount(s, "drain", drains)
			onServer.awaitCount(s, "drain", drains)
		}
		step := func(send string, answers int) {
			w.send(send)
			answered(answers)
		}
		step(`42["one"]`, 1)
		step(`42["all"]`, 1)
		step(`42["bytes"]`, 2)
		conn.Send(types.NewStringBufferString(`2["straight from the engine"]`), nil, nil)
		answered(1)
		conn.Write(types.NewBytesBuffer([]byte{1, 2}), nil, func(t transports.Transport) { n.add("sent by %s", t.Name()) })
		answered(1)
		n.await(s, "sent by")
		w.conn.Close()
		n.await(s, "close")
		n.await(s, "disconnect")
	})
}

func packetOf(value any) string {
	p := value.(*packet.Packet)
	if data, ok := p.Data.(types.BufferInterface); ok {
		return fmt.Sprintf("%s %s", p.Type, show(string(data.Bytes())))
	}
	return string(p.Type)
}

// TestClientsCount goes up and down with the clients, however they come and go.
func TestClientsCount(t *testing.T) {
	run(t, func(s *stage) {
		s.serve(nil)
		s.welcome("/", nil)
		n := s.notes("engine")
		count := func(want int) {
			s.Helper()
			deadline := time.Now().Add(patience)
			for s.io.Engine().ClientsCount() != uint64(want) && time.Now().Before(deadline) {
				time.Sleep(time.Millisecond)
			}
			n.add("%d clients, %d of them known by id", s.io.Engine().ClientsCount(), s.io.Engine().Clients().Len())
		}
		count(0)
		var clients []*client
		for i, v := range variants {
			clients = append(clients, s.connect(v.name, v.as(nil)))
			count(i + 1)
		}
		left := len(clients)
		for _, c := range clients {
			c.leave()
			left--
			count(left)
		}
		n.add("%d sockets in the namespace", s.io.Sockets().Sockets().Len())
	})
}

package main

import (
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// pageRoom is the room of pages: clients that connect with {page: true}.
const pageRoom socket.Room = "mesh:pages"

// askTime is how long pages have to answer a question.
const askTime = 3 * time.Second

// answerEvents handles the events of clients. Any Socket.IO client can use the three plain
// events:
//
//	join   room            [ack]   join a room
//	pub    room|null, x            everyone in the room, or everyone, gets msg with x
//	fetch                  ack     the number of sockets in the mesh
//
// and the page uses these:
//
//	leave  room            [ack]   leave a room
//	say    {room, text, name, sid} everyone in the room, or everyone, gets chat with that,
//	                               the server's name and the time (ms since 1970)
//	ask    {text, name}    ack     every page gets question; {answers, ms, error} is the result
//
// Only pages get state and question: other clients have not asked for them. Events with
// malformed arguments are ignored.
func (s *server) answerEvents() {
	s.io.On("connection", func(args ...any) {
		client := args[0].(*socket.Socket)
		client.On("join", func(args ...any) { s.join(client, args) })
		client.On("leave", func(args ...any) { s.leave(client, args) })
		client.On("pub", func(args ...any) { s.publish(args) })
		client.On("fetch", func(args ...any) { s.fetch(args) })
		client.On("say", func(args ...any) { s.say(args) })
		client.On("ask", func(args ...any) { s.ask(args) })
		client.On("disconnect", func(...any) { s.board.clientsChanged() })
		if isPage, _ := client.Handshake().Auth["page"].(bool); isPage {
			client.Join(pageRoom)
		}
		s.board.clientsChanged()
	})
}

func (s *server) join(client *socket.Socket, args []any) {
	args, ack := splitAck(args)
	if room, ok := at[string](args, 0); ok {
		client.Join(socket.Room(room))
		ack()
	}
}

func (s *server) leave(client *socket.Socket, args []any) {
	args, ack := splitAck(args)
	if room, ok := at[string](args, 0); ok {
		client.Leave(socket.Room(room))
		ack()
	}
}

func (s *server) publish(args []any) {
	args, _ = splitAck(args)
	if len(args) < 2 {
		return
	}
	if room, ok := at[string](args, 0); ok {
		s.io.To(socket.Room(room)).Emit("msg", args[1])
	} else if args[0] == nil {
		s.io.Emit("msg", args[1])
	}
}

func (s *server) fetch(args []any) {
	_, ack := splitAck(args)
	s.io.FetchSockets()(func(sockets []*socket.RemoteSocket, _ error) {
		ack(len(sockets))
	})
}

func (s *server) say(args []any) {
	message, ok := at[map[string]any](args, 0)
	text, isText := message["text"].(string)
	if !ok || !isText {
		return
	}
	out := map[string]any{
		"room":   nil,
		"text":   text,
		"name":   message["name"],
		"sid":    message["sid"],
		"server": s.name,
		"at":     time.Now().UnixMilli(),
	}
	if room, ok := message["room"].(string); ok {
		out["room"] = room
		s.io.To(socket.Room(room)).Emit("chat", out)
	} else {
		s.io.Emit("chat", out)
	}
}

func (s *server) ask(args []any) {
	args, ack := splitAck(args)
	question, ok := at[map[string]any](args, 0)
	if !ok {
		return
	}
	began := time.Now()
	s.io.To(pageRoom).Timeout(askTime).EmitWithAck("question", map[string]any{
		"text": question["text"],
		"name": question["name"],
	})(func(answers []any, err error) {
		result := map[string]any{"answers": answers, "ms": time.Since(began).Milliseconds()}
		if answers == nil {
			result["answers"] = []any{}
		}
		if err != nil {
			result["error"] = "Some did not answer in time."
		}
		ack(result)
	})
}

// splitAck splits the acknowledgement off the arguments of an event. The returned function
// can always be called, even if the client wants no acknowledgement.
func splitAck(args []any) ([]any, func(...any)) {
	if ack, ok := at[socket.Ack](args, len(args)-1); ok {
		return args[:len(args)-1], func(values ...any) { ack(append([]any{}, values...), nil) }
	}
	return args, func(...any) {}
}

// at returns args[i], if there is such an argument and it is a T.
func at[T any](args []any, i int) (T, bool) {
	if i < 0 || i >= len(args) {
		var none T
		return none, false
	}
	value, ok := args[i].(T)
	return value, ok
}

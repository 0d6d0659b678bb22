package main

import "github.com/zishang520/socket.io/servers/socket/v3"

// listen sets the listeners of a namespace: those for events of other servers,
// and those for its clients.
func (s *server) listen(nsp socket.Namespace) {
	name := nsp.Name()
	nsp.On("note", func(args ...any) { s.record(name, "note", args) })
	nsp.On("ask", func(args ...any) {
		args, answer := splitAck(args)
		s.record(name, "ask", args)
		answer([]any{map[string]any{"server": s.mesh.ID(), "args": args}}, nil)
	})
	nsp.On("blank", func(args ...any) {
		_, answer := splitAck(args)
		answer(nil, nil)
	})
	nsp.On("ask all but", func(args ...any) {
		args, answer := splitAck(args)
		if id := s.mesh.ID(); args[0] != id {
			answer([]any{id}, nil)
		}
	})
	nsp.On("connection", func(args ...any) {
		client := args[0].(*socket.Socket)
		client.On("join", func(args ...any) {
			args, done := splitAck(args)
			client.Join(roomsOf(texts(args[0]))...)
			done(nil, nil)
		})
		client.On("echo", func(args ...any) {
			args, answer := splitAck(args)
			answer(args, nil)
		})
		client.On("pub", func(args ...any) { nsp.Emit("msg", args...) })
		client.On("disconnect", func(args ...any) {
			s.record(name, "disconnect", []any{string(client.Id()), args[0]})
		})
	})
}

// splitAck takes the acknowledgement off the arguments of an event.
func splitAck(args []any) ([]any, socket.Ack) {
	if len(args) > 0 {
		if ack, ok := args[len(args)-1].(socket.Ack); ok {
			return args[:len(args)-1], ack
		}
	}
	return args, func([]any, error) {}
}

func (s *server) record(nsp, event string, args []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := record{nsp, event}
	s.recorded[at] = append(s.recorded[at], args)
}

func texts(list any) []string {
	var all []string
	for _, item := range list.([]any) {
		all = append(all, item.(string))
	}
	return all
}

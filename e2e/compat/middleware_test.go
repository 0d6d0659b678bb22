package compat

import (
	"errors"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// TestEngineMiddlewares see every request of either transport: they let it pass,
// add to its answer, answer it themselves or refuse it.
func TestEngineMiddlewares(t *testing.T) {
	run(t, func(s *stage) {
		s.serve(nil)
		n := s.errorNotes()
		s.engine().Use(func(ctx *types.HttpContext, next func(error)) {
			n.add("first: %s %s", ctx.Method(), ctx.Query().Peek("transport"))
			ctx.ResponseHeaders().Set("X-First", "1")
			next(nil)
		})
		s.engine().Use(func(ctx *types.HttpContext, next func(error)) {
			switch {
			case ctx.Query().Has("refuse"):
				next(errors.New("refused"))
			case ctx.Query().Has("answer"):
				ctx.ResponseHeaders().Set("X-Second", "1")
				_ = ctx.SetStatusCode(418)
				_, _ = ctx.Write([]byte("short and stout"))
			default:
				next(nil)
			}
		})
		r := s.raw("requests")
		r.get("EIO=4&transport=polling")
		session := "EIO=4&transport=polling&sid=" + r.sid
		r.post(session, "40")
		r.get(session)
		r.get(session + "&refuse=1")
		r.get("EIO=4&transport=polling&refuse=1")
		r.get("EIO=4&transport=polling&answer=1")
		r.tryDial("EIO=4&transport=websocket&refuse=1")
		r.tryDial("EIO=4&transport=websocket&answer=1")
		s.raw("websocket").dial("EIO=4&transport=websocket").read()
		r.dial("EIO=4&transport=websocket&sid=" + r.sid)
	})
}

// TestMiddlewaresThatCameLate are added when clients are there already.
func TestMiddlewaresThatCameLate(t *testing.T) {
	run(t, func(s *stage) {
		s.serve(nil)
		s.welcome("/", nil)
		n := s.errorNotes()
		first := s.raw("first")
		first.open4()
		s.engine().Use(func(ctx *types.HttpContext, next func(error)) {
			n.add("late: %s %s", ctx.Method(), ctx.Query().Peek("transport"))
			if ctx.Query().Has("refuse") {
				next(errors.New("refused"))
				return
			}
			next(nil)
		})
		second := s.raw("second")
		second.open4()
		second.tryDial("EIO=4&transport=websocket&refuse=1")
	})
}

// TestNamespaceMiddlewares accept and refuse, with and without data.
func TestNamespaceMiddlewares(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		if v.version == 4 {
			s.ownRecord() // of a refusal without data the host alone says that it is null
		}
		s.serve(nil)
		s.welcome("/", nil)
		s.welcome("/private", nil)
		n := s.notes("middlewares")
		s.io.Use(func(c *socket.Socket, next func(*socket.ExtendedError)) {
			n.add("first: %s", nameOf(c))
			c.SetData("from the middleware")
			next(nil)
		})
		s.io.Use(func(c *socket.Socket, next func(*socket.ExtendedError)) {
			n.add("second: %s, data %v", nameOf(c), c.Data())
			switch nameOf(c) {
			case "refused":
				next(socket.NewExtendedError("go away", nil))
			case "refused with data":
				next(socket.NewExtendedError("go away", map[string]any{"code": 7, "why": []any{"a", nil}}))
			default:
				next(nil)
			}
		})
		s.io.Of("/private", nil).Use(func(c *socket.Socket, next func(*socket.ExtendedError)) {
			n.add("private: %s", nameOf(c))
			next(socket.NewExtendedError("private", "text"))
		})
		c := s.connect("welcome", v.as(nil))
		for _, name := range []string{"refused", "refused with data"} {
			o := v.as(nil)
			o.refused = true
			s.connect(name, o)
		}
		if v.version == 4 {
			o := v.as(nil)
			o.refused, o.nsp = true, "/private"
			s.connect("stranger", o)
		}
		c.leave()
	})
}

// TestSocketMiddlewares see each event of a socket.
func TestSocketMiddlewares(t *testing.T) {
	runVariants(t, func(s *stage, v variant) {
		s.serve(nil)
		s.welcome("/", func(c *socket.Socket, n *notes) {
			c.Use(func(event []any, next func(error)) {
				if ack, ok := event[len(event)-1].(socket.Ack); ok && event[0] == "bad" {
					ack([]any{"refused"}, nil)
					next(errors.New("bad event"))
					return
				}
				n.add("middleware: %v of %d", event[0], len(event))
				next(nil)
			})
			_ = c.On("error", func(values ...any) { n.add("error: %v", values[0]) })
			c.OnAny(func(values ...any) { n.add("any: %v", values[0]) })
			c.OnAnyOutgoing(func(values ...any) { n.add("outgoing: %v", values[0]) })
			echoes(c, n)
		})
		c := s.connect("a", v.as(nil))
		c.call("echo", 1)
		c.call("bad")
		c.emit("again", 2)
		c.wait("again", 1)
		c.leave()
	})
}

package compat

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// errorNotes writes down the engine's connection_error events.
func (s *stage) errorNotes() *notes {
	n := s.notes("engine")
	_ = s.engine().On("connection_error", func(values ...any) {
		e := values[0].(*types.ErrorMessage)
		line := fmt.Sprintf("connection_error %d %s", e.Code, e.Message)
		for _, key := range slices.Sorted(maps.Keys(e.Context)) {
			line += fmt.Sprintf(" %s=%s", key, show(e.Context[key]))
		}
		if e.Req == nil {
			line += " without a request"
		}
		n.add("%s", line)
	})
	return n
}

// TestConnectionErrors has one of each code, over both transports. Where the host's
// codes are not Node's, the mesh has those: it calls the id of a session that there is
// not unknown, however it looks, and refuses a version of the protocol before it lets
// the client in.
func TestConnectionErrors(t *testing.T) {
	run(t, func(s *stage) {
		s.ownRecord()
		s.serve(func(o *socket.ServerOptions) {
			o.SetAllowEIO3(false)
			o.SetAllowRequest(func(ctx *types.HttpContext) error {
				if ctx.Query().Has("forbidden") {
					return errors.New("not you")
				}
				return nil
			})
		})
		s.errorNotes()
		r := s.raw("requests")
		for _, query := range []string{
			"",
			"EIO=4",
			"EIO=4&transport=pigeon",
			"EIO=4&transport=webtransport",
			"EIO=4&transport=polling&sid=unknown",
			"EIO=4&transport=websocket&sid=unknown",
			"EIO=4&transport=polling&forbidden=1",
			"EIO=3&transport=polling",
			"EIO=2&transport=polling",
			"transport=polling",
		} {
			r.get(query)
			r.tryDial(query)
		}
		r.get("EIO=4&transport=websocket")
		r.post("EIO=4&transport=polling", "40")
		r.request(http.MethodPut, "EIO=4&transport=polling", "")
		r.get("EIO=4&transport=polling")
		r.get("EIO=4&transport=polling&sid=%00bad%20")
		r.tryDial("EIO=4&transport=polling&sid=%00bad%20")
		r.get("EIO=4&transport=websocket&sid=" + r.sid)
		r.tryDial("EIO=4&transport=polling&sid=" + r.sid)
		r.tryDial("EIO=4&transport=polling")
		r.tryDial("EIO=4&transport=websocket&forbidden=1")
		r.tryDial("EIO=3&transport=websocket")
		r.tryDial("EIO=4&transport=websocket&sid=unknown")
	})
}

// TestTransportsOption: what is not offered is refused.
func TestTransportsOption(t *testing.T) {
	for name, only := range map[string]engine.TransportCtor{"polling": engine.Polling, "websocket": engine.WebSocket} {
		t.Run(name, func(t *testing.T) {
			run(t, func(s *stage) {
				s.serve(func(o *socket.ServerOptions) { o.SetTransports(types.NewSet(only)) })
				s.errorNotes()
				r := s.raw("requests")
				r.get("EIO=4&transport=polling")
				r.dial("EIO=4&transport=websocket")
			})
		})
	}
}

// TestBadPackets: what is not in the protocol ends the connection.
func TestBadPackets(t *testing.T) {
	for _, c := range []struct {
		name   string
		packet string
	}{
		{"engine", "x"},
		{"empty", ""},
		{"socket", "49"},
		{"json", `42["a"`},
		{"event without a name", `42[]`},
		{"event with a number", `42[1]`},
		{"reserved event", `42["disconnect"]`},
		{"connect twice", "40"},
		{"unknown namespace", `42/nowhere,["a"]`},
		{"attachments too few", `451-["a",{"_placeholder":true,"num":0}]` + "|" + `42["b"]`},
		{"placeholder out of range", `451-["a",{"_placeholder":true,"num":7}]` + "|b"},
		{"bytes nobody asked for", "|b"},
		{"ack of nothing", `4312[1]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(s *stage) {
				s.serve(nil)
				s.welcome("/", func(c *socket.Socket, n *notes) {
					_ = c.On("a", func(values ...any) { n.add("a %s", show(values...)) })
					_ = c.On("still", func(...any) { c.Emit("there") })
					_ = c.On("error", func(values ...any) { n.add("error %v", values[0]) })
				})
				w := s.raw("websocket").open4()
				w.sendAll(c.packet)
				w.send(`42["still"]`)
				w.read()
				w.conn.Close()
				s.notesOf("server of ").await(s, "disconnect")
			})
		})
	}
}

package compat

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestUpgradeUnderTraffic: both sides send without a pause while the transport
// changes. Nothing is lost, doubled or out of order.
func TestUpgradeUnderTraffic(t *testing.T) {
	const total = 500
	for _, v := range variants {
		if len(v.transports) == 1 {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			run(t, func(s *stage) {
				s.serve(nil)
				s.welcome("/", func(c *socket.Socket, n *notes) {
					var sending sync.Once
					next := 0
					_ = c.On("up", func(values ...any) {
						sending.Do(func() {
							s.background(func() {
								for i := range total {
									c.Emit("down", i)
								}
							})
						})
						if int(values[0].(float64)) == next {
							next++
						}
						if next == total {
							n.add("%d up in order", next)
						}
					})
				})
				o := v.as(nil)
				o.series, o.hasty = list{"down"}, true
				c := s.connect("a", o)
				c.do("burst", args{"event": "up", "count": total})
				c.feels("upgrade websocket")
				c.tally("down", total)
				s.notesOf("server of a").await(s, "500 up")
				c.leave()
			})
		})
	}
}

// TestUpgradeByHand goes through the steps of an upgrade one by one, in the
// protocol of each version.
func TestUpgradeByHand(t *testing.T) {
	t.Run("4", func(t *testing.T) {
		run(t, func(s *stage) {
			s.serve(nil)
			s.welcome("/", func(c *socket.Socket, n *notes) {
				_ = c.Conn().On("upgrading", func(values ...any) { n.add("upgrading to %s", values[0].(transports.Transport).Name()) })
				_ = c.Conn().On("upgrade", func(values ...any) { n.add("upgrade to %s", values[0].(transports.Transport).Name()) })
				_ = c.On("echo", func(values ...any) { c.Emit("echo", values...) })
			})
			r := s.raw("polling")
			r.get("EIO=4&transport=polling")
			session := "EIO=4&sid=" + r.sid + "&transport="
			r.post(session+"polling", "40")
			r.poll(session+"polling", `42["ready"]`)
			r.post(session+"polling", `42["echo",1]`)
			r.poll(session+"polling", `42["echo",1]`)
			waiting := r.hang(session + "polling")
			w := r.dial(session + "websocket")
			w.send("2probe")
			w.read()
			waiting()
			w.send("5")
			w.send(`42["echo",2]`)
			w.read()
			w.send("41")
			s.notesOf("server of ").await(s, "disconnect")
			r.tryDial(session + "websocket") // it is upgraded already
		})
	})
	t.Run("3", func(t *testing.T) {
		run(t, func(s *stage) {
			s.serve(nil)
			s.welcome("/", func(c *socket.Socket, n *notes) {
				_ = c.On("echo", func(values ...any) { c.Emit("echo", values...) })
			})
			r := s.raw("polling")
			r.get("EIO=3&transport=polling&b64=1")
			session := "EIO=3&b64=1&sid=" + r.sid + "&transport="
			r.poll(session+"polling", `42["ready"]`)
			r.post(session+"polling", `12:42["echo",1]`)
			r.poll(session+"polling", `42["echo",1]`)
			waiting := r.hang(session + "polling")
			w := r.dial(session + "websocket")
			w.send("2probe")
			w.read()
			waiting()
			w.send("5")
			w.send("2")
			w.read()
			w.send(`42["echo",2]`)
			w.read()
			w.send("1") // the engine hears that from polling only
			w.send(`42["echo",3]`)
			w.read()
			w.conn.Close()
			s.notesOf("server of ").await(s, "disconnect")
		})
	})
}

// TestWebSocketByHand: the packets of a connection by WebSocket alone, as they are
// on the wire.
func TestWebSocketByHand(t *testing.T) {
	for _, c := range []struct{ version, ping, pong string }{{"4", "", ""}, {"3", "2", "3"}} {
		t.Run(c.version, func(t *testing.T) {
			run(t, func(s *stage) {
				s.serve(nil)
				s.welcome("/", func(c *socket.Socket, n *notes) {
					_ = c.On("echo", func(values ...any) { c.Emit("echo", values...) })
					_ = c.On("ask", func(values ...any) { values[len(values)-1].(socket.Ack)([]any{1, "two"}, nil) })
				})
				w := s.raw("websocket").dial("EIO=" + c.version + "&transport=websocket")
				w.read()
				if c.version == "4" {
					w.send(`40{"token":"x"}`)
				}
				w.read()
				w.read()
				if c.ping != "" {
					w.send(c.ping)
					w.read()
				}
				w.send(`42["echo",1,{"a":[null]}]`)
				w.read()
				w.send(`427["ask"]`)
				w.read()
				w.send(`451-["echo",{"_placeholder":true,"num":0}]`)
				if c.version == "4" {
					w.sendBinary([]byte{1, 2, 3})
				} else {
					w.sendBinary([]byte{4, 1, 2, 3})
				}
				w.read()
				w.read()
				w.send("41")
				s.notesOf("server of ").await(s, "disconnect")
			})
		})
	}
}

// TestPolls: a client polls right behind every answer, and misses nothing.
func TestPolls(t *testing.T) {
	const sessions, total = 4, 400
	run(t, func(s *stage) {
		s.serve(nil)
		s.welcome("/", func(c *socket.Socket, n *notes) {
			_ = c.On("go", func(...any) {
				s.background(func() {
					for i := range total {
						c.Emit("n", i)
						time.Sleep(100 * time.Microsecond) // so that there are many answers
					}
				})
			})
		})
		for range sessions {
			r := s.raw("polling")
			r.get("EIO=4&transport=polling")
			session := "EIO=4&transport=polling&sid=" + r.sid
			r.post(session, "40")
			r.poll(session, "ready")
			r.post(session, `42["go"]`)
			var all strings.Builder
			for i := 0; i < total; i = strings.Count(all.String(), `42["n",`) {
				text, status := r.fetch(session)
				if status != http.StatusOK {
					s.Fatalf("poll behind %d events: %d %s", i, status, text)
				}
				all.WriteString(text + "\x1e")
			}
			r.add("%d events, digest %s", total, digest([]byte(strings.ReplaceAll(all.String(), "2\x1e", ""))))
		}
	})
}

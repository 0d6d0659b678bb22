package compat

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
	webtrans "github.com/zishang520/socket.io/v3/pkg/webtransport"
)

// TestWebTransport: a session of its own, one that began with polling, and one that
// is refused. There is no client of npm's for Node that needs no binary download, so
// one stands in that frames packets with the library's own package.
func TestWebTransport(t *testing.T) {
	serve := func(s *stage) string {
		s.serveTLS(func(o *socket.ServerOptions) {
			o.SetTransports(types.NewSet(engine.Polling, engine.WebSocket, engine.WebTransport))
		})
		s.errorNotes()
		s.welcome("/", func(c *socket.Socket, n *notes) {
			n.add("transport %s", c.Conn().Transport().Name())
			_ = c.Conn().On("upgrade", func(...any) { n.add("upgrade to %s", c.Conn().Transport().Name()) })
			echoes(c, n)
		})
		return s.serveHTTP3()
	}
	t.Run("direct", func(t *testing.T) {
		run(t, func(s *stage) {
			w := s.dialWebTransport(serve(s))
			w.send("0")
			w.read()
			w.send("40")
			w.read()
			w.read()
			w.send(`42["again","text"]`)
			w.read()
			w.send(`451-["again",{"_placeholder":true,"num":0}]`)
			w.sendBytes([]byte{1, 2, 3})
			w.read()
			w.read()
			s.io.Emit("all", 1)
			w.read()
			s.io.Emit("all", []byte{4})
			w.read()
			w.read()
			w.send("41")
			s.notesOf("server of ").await(s, "disconnect")
		})
	})
	t.Run("upgrade", func(t *testing.T) {
		run(t, func(s *stage) {
			address := serve(s)
			r := s.raw("polling")
			r.get("EIO=4&transport=polling")
			session := "EIO=4&transport=polling&sid=" + r.sid
			r.post(session, "40")
			r.poll(session, "ready")
			w := s.dialWebTransport(address)
			w.send(`0{"sid":"` + r.sid + `"}`)
			w.send("2probe")
			w.read()
			w.send("5")
			w.send(`42["again",1]`)
			w.read()
		})
	})
	t.Run("garbage", func(t *testing.T) {
		run(t, func(s *stage) {
			w := s.dialWebTransport(serve(s))
			w.send("4nonsense")
			w.read()
		})
	})
}

// serveHTTP3 listens for WebTransport, with the certificate of the server that is
// there. It returns the URL.
func (s *stage) serveHTTP3() string {
	s.Helper()
	h3 := &http3.Server{TLSConfig: http3.ConfigureTLSConfig(s.web.TLS.Clone())}
	webtransport.ConfigureHTTP3Server(h3)
	server := &webtransport.Server{H3: h3, CheckOrigin: func(*http.Request) bool { return true }}
	h3.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Proto = "webtransport" // as browsers call it; this client has a newer name, which the engine does not know
		s.engine().OnWebTransportSession(types.NewHttpContext(w, r), server)
	})
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		s.Fatal(err)
	}
	s.background(func() { server.Serve(conn) })
	s.Cleanup(func() {
		server.Close()
		conn.Close()
	})
	return "https://127.0.0.1:" + strconv.Itoa(conn.LocalAddr().(*net.UDPAddr).Port) + "/socket.io/"
}

// webTransport is a client by WebTransport.
type webTransport struct {
	*stage
	*notes
	conn *webtrans.Conn
}

func (w *webTransport) transcript() string { return w.notes.transcript() }

func (s *stage) dialWebTransport(url string) *webTransport {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dialer := &webtransport.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{http3.NextProtoH3}},
		QUICConfig:      &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true},
	}
	response, session, err := dialer.Dial(ctx, url, nil)
	if err != nil {
		s.Fatal(err)
	}
	stream, err := session.OpenStreamSync(ctx)
	if err != nil {
		s.Fatal(err)
	}
	w := &webTransport{stage: s, notes: s.notes("WebTransport"), conn: webtrans.NewConn(session, stream, false, 0, 0, nil, nil, nil)}
	w.add("session -> %d", response.StatusCode)
	s.Cleanup(func() {
		session.CloseWithError(0, "")
		dialer.Close()
	})
	return w
}

func (w *webTransport) send(text string) { w.write(webtrans.TextMessage, []byte(text), text) }

func (w *webTransport) sendBytes(data []byte) { w.write(webtrans.BinaryMessage, data, data) }

func (w *webTransport) write(kind int, data []byte, shown any) {
	w.Helper()
	w.add("> %s", show(shown))
	if err := w.conn.WriteMessage(kind, data); err != nil {
		w.add("cannot be sent")
	}
}

func (w *webTransport) read() {
	w.Helper()
	w.conn.SetReadDeadline(time.Now().Add(patience))
	kind, data, err := w.conn.ReadMessage()
	switch {
	case err != nil:
		w.add("ended")
	case kind == webtrans.BinaryMessage:
		w.add("< %s", show(data))
	default:
		w.add("< %s", show(string(data)))
		if sid := sessionIn(string(data)); sid != "" {
			w.awaitHeard(sid)
		}
	}
}

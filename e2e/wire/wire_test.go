package wire

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/discovery/service"
)

// patience bounds every wait of these tests; none of them needs it when all is well.
const patience = time.Minute

// reference plays a node of the reference over real WebSockets, byte by byte, with
// the discovery service and a mesh port of its own.
type reference struct {
	t         *testing.T
	discovery *websocket.Conn
	port      *httptest.Server
	dialled   chan *websocket.Conn // by the Go node
}

// newReference registers a reference node of this uid at the service.
func newReference(t *testing.T, uid, service string) *reference {
	t.Helper()
	r := &reference{t: t, dialled: make(chan *websocket.Conn, 1)}
	var upgrader websocket.Upgrader
	r.port = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if conn, err := upgrader.Upgrade(w, req, nil); err == nil {
			r.dialled <- conn
		}
	}))
	t.Cleanup(r.port.Close)
	r.discovery = r.dial(service)
	// {type:"register", serverId:uid, address}
	address := strings.Replace(r.port.URL, "http", "ws", 1)
	r.write(r.discovery, "\x83\xa4type\xa8register\xa8serverId"+str(uid)+"\xa7address"+str(address))
	go func() { // pongs are sent by the reader
		for {
			if _, _, err := r.discovery.ReadMessage(); err != nil {
				return
			}
		}
	}()
	return r
}

// str is a MessagePack string of less than 32 bytes.
func str(s string) string { return string([]byte{0xa0 | byte(len(s))}) + s }

func (r *reference) dial(address string) *websocket.Conn {
	r.t.Helper()
	conn, _, err := websocket.DefaultDialer.DialContext(r.t.Context(), address, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(patience))
	return conn
}

func (r *reference) write(conn *websocket.Conn, frame string) {
	r.t.Helper()
	if err := conn.WriteMessage(websocket.BinaryMessage, []byte(frame)); err != nil {
		r.t.Fatal(err)
	}
}

// expect reads until this frame comes; heartbeats may come before it.
func (r *reference) expect(conn *websocket.Conn, want string) {
	r.t.Helper()
	for {
		kind, got, err := conn.ReadMessage()
		switch {
		case err != nil:
			r.t.Fatalf("waiting for %q: %v", want, err)
		case kind != websocket.BinaryMessage:
			r.t.Errorf("a message that is not binary: %q", got)
		case bytes.Equal(got, []byte(want)):
			return
		case !bytes.Contains(got, []byte("\xa4type\x01")) && !bytes.Contains(got, []byte("\xa4type\x02")):
			r.t.Fatalf("got\n%x, want\n%x\n(%q)", got, want, got)
		}
	}
}

// captured turns a frame captured from the reference, in which uid stood for the
// sender, into one of another sender with an id of the same length.
func captured(t *testing.T, frame, uid, other string) string {
	t.Helper()
	b, err := hex.DecodeString(frame)
	if err != nil || !bytes.Contains(b, []byte(uid)) || len(uid) != len(other) {
		t.Fatalf("bad vector: %v", err)
	}
	return strings.ReplaceAll(string(b), uid, other)
}

// goServer is a Socket.IO server in a mesh.
func goServer(t *testing.T, discovery string) (*mesh.Mesh, *socket.Server) {
	t.Helper()
	m, err := mesh.New(mesh.Config{Listen: "127.0.0.1:0", DiscoveryAddress: discovery})
	if err != nil {
		t.Fatal(err)
	}
	options := socket.DefaultServerOptions()
	options.SetAdapter(m.Adapter())
	io := socket.NewServer(nil, options)
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		io.Close(nil)
		m.Shutdown(t.Context())
	})
	return m, io
}

func discoveryService(t *testing.T) string {
	t.Helper()
	s := service.NewServer(service.ServerOptions{Listen: "127.0.0.1:0"})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	return "ws://" + s.Addr()
}

// The uid of the captured frames.
const capturedUID = "746b5745bee1accf"

// A reference node whose uid is larger is dialled; it hears HELLO without any
// addition, and then what the reference would have sent.
func TestReferencePeerIsDialled(t *testing.T) {
	discovery := discoveryService(t)
	m, io := goServer(t, discovery)
	r := newReference(t, "zzzzzzzzzzzzzzzz", discovery)
	var conn *websocket.Conn
	select {
	case conn = <-r.dialled:
	case <-time.After(patience):
		t.Fatal("was not dialled")
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(patience))
	id := m.ID()
	r.expect(conn, "\x00\x82\xa3uid"+str(id)+"\xa7address"+str(m.Advertised()))
	r.expect(conn, "\x01\x83\xa4type\x01\xa3uid"+str(id)+"\xa3nsp\xa1/")

	io.Emit("hello", "world", 1)
	r.expect(conn, captured(t, "0184a47479706503a46461746182a67061636b657482a47479706502a46461746193a568656c6c6fa5776f726c6401a46f70747383a5726f6f6d7390a665786365707490a5666c61677380a3756964b037343662353734356265653161636366a36e7370a12f", capturedUID, id))
	io.Emit("e", []byte{3, 4})
	r.expect(conn, captured(t, "0184a47479706503a46461746182a67061636b657482a47479706502a46461746192a165c4020304a46f70747383a5726f6f6d7390a665786365707490a5666c61677380a3756964b037343662353734356265653161636366a36e7370a12f", capturedUID, id))
	io.Compress(false).Emit("e")
	r.expect(conn, captured(t, "0184a47479706503a46461746182a67061636b657482a47479706502a46461746191a165a46f70747383a5726f6f6d7390a665786365707490a5666c61677381a8636f6d7072657373c2a3756964b037343662353734356265653161636366a36e7370a12f", capturedUID, id))
	io.To("zz").DisconnectSockets(true)
	r.expect(conn, captured(t, "0184a47479706506a46461746182a46f70747383a5726f6f6d7391a27a7aa665786365707490a5666c61677380a5636c6f7365c3a3756964b037343662353734356265653161636366a36e7370a12f", capturedUID, id))
	io.ServerSideEmit("hello", "world", 1, "2")
	r.expect(conn, captured(t, "0184a47479706509a46461746181a67061636b657494a568656c6c6fa5776f726c6401a132a3756964b037343662353734356265653161636366a36e7370a12f", capturedUID, id))

	io.Close(nil)
	r.expect(conn, "\x01\x83\xa4type\x0d\xa3uid"+str(id)+"\xa3nsp\xa1/")
	m.Shutdown(t.Context())
	_, _, err := conn.ReadMessage()
	for err == nil {
		_, _, err = conn.ReadMessage()
	}
	if !websocket.IsCloseError(err, websocket.CloseNormalClosure) || !strings.Contains(err.Error(), "transport-closed") {
		t.Errorf("the link ended with %v", err)
	}
}

// A reference node whose uid is smaller dials. Its captured requests are answered
// as the reference answers them.
func TestReferencePeerDials(t *testing.T) {
	discovery := discoveryService(t)
	m, io := goServer(t, discovery)
	events := make(chan []any, 1)
	io.On("hello", func(args ...any) { events <- args })
	const uid = "0000000000000000"
	r := newReference(t, uid, discovery)
	conn := r.dial(m.Advertised())
	r.write(conn, "\x00\x82\xa3uid"+str(uid)+"\xa7address"+str("ws://127.0.0.1:1"))
	id := m.ID()
	r.expect(conn, "\x01\x83\xa4type\x01\xa3uid"+str(id)+"\xa3nsp\xa1/")

	r.write(conn, captured(t, "0184a4747970650ba46461746182a9726571756573744964b030303131323233336161626263636465ab636c69656e74436f756e7400a3756964b037343662353734356265653161636366a36e7370a12f", capturedUID, uid)) // nobody asked
	r.write(conn, captured(t, "0184a47479706503a46461746183a67061636b657482a47479706502a46461746192a17107a9726571756573744964b037623638323038363037656433343463a46f70747383a5726f6f6d7390a665786365707490a5666c61677381a774696d656f7574cd01f4a3756964b037343662353734356265653161636366a36e7370a12f", capturedUID, uid))
	r.expect(conn, "\x01\x84\xa4type\x0b\xa4data\x82\xa9requestId"+str("7b68208607ed344c")+"\xabclientCount\x00\xa3uid"+str(id)+"\xa3nsp\xa1/")
	r.write(conn, captured(t, "0184a47479706507a46461746182a46f70747383a5726f6f6d7391a27231a665786365707490a5666c61677380a9726571756573744964b035623830306334323439326637646637a3756964b037343662353734356265653161636366a36e7370a12f", capturedUID, uid))
	r.expect(conn, "\x01\x84\xa4type\x08\xa4data\x82\xa9requestId"+str("5b800c42492f7df7")+"\xa7sockets\x90\xa3uid"+str(id)+"\xa3nsp\xa1/")

	r.write(conn, captured(t, "0184a47479706509a46461746182a9726571756573744964b066383861306362623339323461653935a67061636b657492a568656c6c6fc40101a3756964b037343662353734356265653161636366a36e7370a12f", capturedUID, uid))
	select {
	case args := <-events:
		if len(args) != 2 {
			t.Fatalf("the listener got %v", args)
		}
		args[1].(socket.Ack)([]any{map[string]any{"a": "b"}}, nil)
	case <-time.After(patience):
		t.Fatal("the listener was not called")
	}
	r.expect(conn, "\x01\x84\xa4type\x0a\xa4data\x82\xa9requestId"+str("f88a0cbb3924ae95")+"\xa6packet\x81\xa1a\xa1b\xa3uid"+str(id)+"\xa3nsp\xa1/")

	// What would kill a reference process does nothing here.
	for _, bad := range []string{"\x01\xc0", "\x01", "", "\x01\x83\xa4type\x03\xa3uid" + str(uid) + "\xa3nsp\xa1/",
		"\x01\x84\xa4type\x04\xa4data\xc0\xa3uid" + str(uid) + "\xa3nsp\xa1/", "\x01\xdf\xff\xff\xff\xff"} {
		r.write(conn, bad)
	}
	r.write(conn, "\x01\x83\xa4type\x01\xa3uid"+str(uid)+"\xa3nsp\xa1/")
	r.expect(conn, "\x01\x83\xa4type\x02\xa3uid"+str(id)+"\xa3nsp\xa1/")
	if n := io.Sockets().Adapter().ServerCount(); n != 2 {
		t.Errorf("%d servers, want 2", n)
	}
	if s := m.Stats(); s.Ignored != 6 {
		t.Errorf("%d messages ignored, want 6", s.Ignored)
	}

	// When it is gone, what it was asked is settled.
	gone := make(chan error, 1)
	io.ServerSideEmit("anyone?", func(_ []any, err error) { gone <- err })
	conn.Close()
	select {
	case err := <-gone:
		if err != nil {
			t.Errorf("settled with %v", err)
		}
	case <-time.After(patience):
		t.Error("not settled")
	}
}

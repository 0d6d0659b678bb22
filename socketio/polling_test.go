package socketio

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/internal/await"
)

// pollingClient is a client of revision 4 that polls, as far as it takes to upgrade.
type pollingClient struct {
	t   *testing.T
	url string
}

// polling connects a client to the main namespace.
func (s *server) polling() (*pollingClient, *socket.Socket) {
	t := s.t.(*testing.T)
	t.Helper()
	connected := make(chan *socket.Socket, 1)
	// Not "connection", which may still be on its way for the client before.
	_ = s.Once("connect", func(args ...any) { connected <- args[0].(*socket.Socket) })
	p := &pollingClient{t, s.http.URL + "/socket.io/?EIO=4&transport=polling"}
	_, rest, _ := strings.Cut(p.get(), `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	p.url += "&sid=" + sid
	p.post("40")
	if got := p.get(); !strings.HasPrefix(got, "40{") {
		t.Fatalf("got %q on CONNECT", got)
	}
	return p, await.Value(t, connected)
}

func (p *pollingClient) get() string {
	p.t.Helper()
	response, err := http.Get(p.url)
	return bodyOf(p.t, response, err)
}

func (p *pollingClient) post(packet string) {
	p.t.Helper()
	response, err := http.Post(p.url, "text/plain;charset=UTF-8", strings.NewReader(packet))
	if got := bodyOf(p.t, response, err); got != "ok" {
		p.t.Fatalf("POST answered with %q", got)
	}
}

// bodyOf reads the body of a response.
func bodyOf(t testing.TB, response *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// dial opens the WebSocket that the client wants to upgrade to.
func (p *pollingClient) dial() *upgrading {
	p.t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.Replace(strings.TrimPrefix(p.url, "http"), "transport=polling", "transport=websocket", 1), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	return &upgrading{p.t, conn}
}

// probe does so and has it tried out.
func (p *pollingClient) probe() *upgrading {
	p.t.Helper()
	w := p.dial()
	w.say("2probe")
	w.hear("3probe")
	return w
}

// upgrading is the WebSocket of a client that began with polling.
type upgrading struct {
	t    *testing.T
	conn *websocket.Conn
}

func (w *upgrading) say(packet string) {
	w.t.Helper()
	if err := w.conn.WriteMessage(websocket.TextMessage, []byte(packet)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *upgrading) hear(want string) {
	w.t.Helper()
	_ = w.conn.SetReadDeadline(time.Now().Add(await.Patience))
	if _, got, err := w.conn.ReadMessage(); err != nil || string(got) != want {
		w.t.Fatalf("got %q, %v, want %q", got, err, want)
	}
}

// ends waits for the server's goodbye.
func (w *upgrading) ends() {
	w.t.Helper()
	_ = w.conn.SetReadDeadline(time.Now().Add(await.Patience))
	_, got, err := w.conn.ReadMessage()
	for err == nil {
		_, got, err = w.conn.ReadMessage()
	}
	if !websocket.IsCloseError(err, websocket.CloseNoStatusReceived) {
		w.t.Fatalf("the WebSocket does not end: %q, %v", got, err)
	}
}

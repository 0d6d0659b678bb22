package socketio

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/internal/loopback"
)

// refused tells whether a server turns everybody away: who begins by polling, who
// begins by WebSocket.
func (s *server) refused() (polling, ws bool) {
	response, err := http.Get(s.http.URL + "/socket.io/?EIO=4&transport=polling")
	if err != nil {
		s.t.Fatal(err)
	}
	_ = response.Body.Close()
	_, answer, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.http.URL, "http")+"/socket.io/?EIO=4&transport=websocket", nil)
	return response.StatusCode == http.StatusServiceUnavailable, err != nil && answer != nil && answer.StatusCode == http.StatusServiceUnavailable
}

// TestClosedServer lets nobody in, whether anybody came before or not.
func TestClosedServer(t *testing.T) {
	t.Run("nobody came", func(t *testing.T) {
		s := serve(t, lonely{})
		s.Server.Close(nil)
		if polling, ws := s.refused(); !polling || !ws {
			t.Errorf("refused by polling %v, by WebSocket %v", polling, ws)
		}
	})
	t.Run("in use", func(t *testing.T) {
		s := serve(t, lonely{})
		p, _ := s.polling()
		s.client("/")
		s.Server.Close(nil)
		if polling, ws := s.refused(); !polling || !ws {
			t.Errorf("refused by polling %v, by WebSocket %v", polling, ws)
		}
		if _, answer, err := websocket.DefaultDialer.Dial("ws"+strings.Replace(strings.TrimPrefix(p.url, "http"), "transport=polling", "transport=websocket", 1), nil); err == nil || answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("an upgrade: %v", err)
		}
		await.Condition(t, "all gone", func() bool { return s.Engine().ClientsCount() == 0 })
	})
	t.Run("another adapter", func(t *testing.T) {
		s := serve(t, lonely{})
		s.client("/")
		s.SetAdapter(s.constructor) // which closes the adapter, and not the server
		if polling, ws := s.refused(); polling || ws {
			t.Errorf("refused by polling %v, by WebSocket %v", polling, ws)
		}
	})
}

// TestNobodyStaysInAClosedServer: clients begin while the server closes. Who was let in
// at the last moment is sent away.
func TestNobodyStaysInAClosedServer(t *testing.T) {
	s := serve(t, lonely{})
	s.SetConnectTimeout(time.Hour)
	s.client("/")
	// A client is on its way, past the acceptor, until the server is closed.
	passed, closed := make(chan struct{}, 2), make(chan struct{})
	_ = s.Engine().On("initial_headers", func(args ...any) {
		passed <- struct{}{}
		<-closed
	})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.http.URL, "http")+"/socket.io/?EIO=4&transport=websocket", nil)
		if err != nil {
			return
		}
		defer conn.Close()
		for err == nil {
			_, _, err = conn.ReadMessage()
		}
	}()
	<-passed
	s.Server.Close(nil)
	close(closed)
	ended(t, gone)
	await.Condition(t, "nobody there", func() bool { return s.Engine().ClientsCount() == 0 && s.Engine().Clients().Len() == 0 })
}

// TestCloseWithOpenPolls: a server that listens itself is closed as soon as it has
// answered the polls, without waiting for clients.
func TestCloseWithOpenPolls(t *testing.T) {
	options := socket.DefaultServerOptions()
	options.SetAdapter(New(lonely{}))
	web := types.NewWebServer(nil)
	server := socket.NewServer(web, options)
	port := loopback.FreeAddress(t)
	web.Listen(port, nil)
	url := "http://" + port + "/socket.io/?EIO=4&transport=polling"
	answers := make(chan string, 3)
	for range cap(answers) {
		var first *http.Response
		await.Condition(t, "listening", func() bool {
			var err error
			first, err = http.Get(url)
			return err == nil
		})
		p := &pollingClient{t, url}
		_, rest, _ := strings.Cut(bodyOf(p.t, first, nil), `"sid":"`)
		sid, _, _ := strings.Cut(rest, `"`)
		p.url += "&sid=" + sid
		go func() { answers <- p.get() }()
		conn, _ := server.Engine().Clients().Load(sid)
		await.Condition(t, "poll open", func() bool { return conn.Transport().Writable() })
	}
	began := time.Now()
	closed := make(chan error, 1)
	server.Close(func(err error) { closed <- err })
	if err := await.Value(t, closed); err != nil {
		t.Error(err)
	}
	t.Logf("closed in %v", time.Since(began))
	for range cap(answers) {
		if got := await.Value(t, answers); got != "1" {
			t.Errorf("a poll was answered with %q", got)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

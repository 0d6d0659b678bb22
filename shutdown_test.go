package mesh_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/transport/mem"
)

// TestShutdownWithClients: a server that has left the mesh lets no new clients in.
// Those that it has stay until the Socket.IO server closes, and are told so at once.
func TestShutdownWithClients(t *testing.T) {
	m, err := mesh.New(mesh.Config{}, mesh.WithTransport(mem.NewNetwork().Transport("a")), mesh.WithDiscovery(coretest.NewRoster().Discovery()))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := serverWith(m.Adapter())
	web := httptest.NewServer(server.ServeHandler(nil))
	defer web.Close()
	defer web.CloseClientConnections()
	polling := web.URL + "/socket.io/?EIO=4&transport=polling"
	answer := func(response *http.Response, err error) (int, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	_, open := answer(http.Get(polling))
	_, rest, _ := strings.Cut(open, `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	session := polling + "&sid=" + sid
	answer(http.Post(session, "text/plain", strings.NewReader("40")))
	if _, got := answer(http.Get(session)); !strings.HasPrefix(got, "40{") {
		t.Fatalf("got %q on CONNECT", got)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := m.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{polling, strings.Replace(polling, "polling", "websocket", 1)} {
		if status, body := answer(http.Get(url)); status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", url, status, body)
		}
	}
	for _, url := range []string{polling, session} {
		request, err := http.NewRequest(http.MethodGet, strings.Replace(url, "polling", "websocket", 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
			request.Header.Set(name, value)
		}
		if status, _ := answer(http.DefaultClient.Do(request)); status != http.StatusServiceUnavailable {
			t.Errorf("WebSocket %s: %d", url, status)
		}
	}

	server.Emit("still here")
	if _, got := answer(http.Get(session)); got != `42["still here"]` {
		t.Errorf("got %q, want the event", got)
	}
	last := make(chan string, 1)
	go func() {
		response, err := http.Get(session)
		if err != nil {
			last <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		last <- string(body)
	}()
	conn, _ := server.Engine().Clients().Load(sid)
	for conn.ReadyState() == "open" && !conn.Transport().Writable() {
		time.Sleep(time.Millisecond)
	}
	server.Close(nil)
	select {
	case got := <-last:
		if got != "1" {
			t.Errorf("the open poll was answered with %q", got)
		}
	case <-ctx.Done():
		t.Error("the open poll was not answered")
	}
}

package mesh_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
)

// TestRun: it serves, and stops with a client that polls, without waiting for it.
func TestRun(t *testing.T) {
	m, err := mesh.New(mesh.Config{Listen: "127.0.0.1:0", Peers: []string{"ws://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	options := socket.DefaultServerOptions()
	if err := m.Configure(options); err != nil {
		t.Fatal(err)
	}
	server := socket.NewServer(nil, options)
	listener, err := net.Listen("tcp", "127.0.0.1:0") // a free port
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	web := &http.Server{Addr: listener.Addr().String()}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx, server, web) }()

	url := "http://" + web.Addr + "/socket.io/?EIO=4&transport=polling"
	defer http.DefaultClient.CloseIdleConnections()
	var opened []string
	for deadline := time.Now().Add(20 * time.Second); opened == nil; {
		response, err := http.Get(url)
		if err != nil {
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond) // it does not listen yet
			continue
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		opened = regexp.MustCompile(`"sid":"([^"]+)"`).FindStringSubmatch(string(body))
	}
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		if response, err := http.Get(url + "&sid=" + opened[1]); err == nil {
			response.Body.Close()
		}
	}()
	client, ok := server.Engine().Clients().Load(opened[1])
	if !ok {
		t.Fatal("no such client")
	}
	for !client.Transport().Writable() { // until the poll is there
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	t.Logf("stopped in %v", time.Since(began))
	<-polled
}

// TestRunCannotListen: what cannot start leaves nothing behind.
func TestRunCannotListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct{ listen, web string }{
		{"127.0.0.1:0", taken.Addr().String()},
		{taken.Addr().String(), "127.0.0.1:0"},
	} {
		m, err := mesh.New(mesh.Config{Listen: c.listen, Peers: []string{"ws://127.0.0.1:1"}})
		if err != nil {
			t.Fatal(err)
		}
		options := socket.DefaultServerOptions()
		if err := m.Configure(options); err != nil {
			t.Fatal(err)
		}
		if err := m.Run(t.Context(), socket.NewServer(nil, options), &http.Server{Addr: c.web}); err == nil {
			t.Errorf("%+v: it ran", c)
		}
		m.Shutdown(t.Context())
	}
}

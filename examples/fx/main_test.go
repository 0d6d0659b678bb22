package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/goleak"

	"github.com/socketmesh/mesh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestApp: everything that the example asks for is there.
func TestApp(t *testing.T) {
	if err := fx.ValidateApp(app, fx.NopLogger, fx.Supply(address(":0"))); err != nil {
		t.Error(err)
	}
}

// addresses is a log handler that waits for the one line that has an address.
type addresses struct {
	slog.Handler
	address chan string
}

func (a addresses) Enabled(context.Context, slog.Level) bool { return true }

func (a addresses) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(attr slog.Attr) bool {
		if attr.Key == "address" {
			a.address <- attr.Value.String()
		}
		return true
	})
	return nil
}

// running is the application on free ports, and where it serves clients.
func running(t *testing.T, addr address) (fx.Option, chan string) {
	t.Helper()
	t.Setenv("MESH_LISTEN", "127.0.0.1:0")
	t.Setenv("MESH_DISCOVERY", mesh.DiscoveryStatic)
	log := addresses{slog.DiscardHandler, make(chan string, 1)}
	return fx.Options(app, fx.Supply(addr), fx.Replace(slog.New(log)), fx.NopLogger), log.address
}

// TestServe: the example starts, answers, and stops although a client polls.
func TestServe(t *testing.T) {
	options, address := running(t, "127.0.0.1:0")
	var server *socket.Server
	app := fxtest.New(t, options, fx.Populate(&server))
	app.RequireStart()
	url := "http://" + <-address + "/socket.io/?EIO=4&transport=polling"
	sid := regexp.MustCompile(`"sid":"([^"]+)"`).FindStringSubmatch(get(t, url))
	if sid == nil {
		t.Fatal("no handshake")
	}
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		if response, err := http.Get(url + "&sid=" + sid[1]); err == nil { // it may be cut
			response.Body.Close()
		}
	}()
	client, ok := server.Engine().Clients().Load(sid[1])
	if !ok {
		t.Fatal("no such client")
	}
	for !client.Transport().Writable() { // until the poll is there
		time.Sleep(time.Millisecond)
	}
	app.RequireStop()
	<-polled
	http.DefaultClient.CloseIdleConnections()
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
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

// TestPortTaken: the application does not start, and leaves nothing behind.
func TestPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	options, _ := running(t, address(taken.Addr().String()))
	if err := fx.New(options).Start(t.Context()); err == nil {
		t.Error("started on a port that is taken")
	}
}

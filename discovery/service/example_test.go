package service_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/service"
)

// A service and one node that registers with it.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	server := service.NewServer(service.ServerOptions{Listen: "127.0.0.1:0", AuthToken: "secret"})
	if err := server.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer server.Shutdown(ctx)

	client := service.NewClient(service.ClientOptions{URL: "ws://" + server.Addr(), AuthToken: "secret"})
	self := core.Peer{ID: "386f18bdd6681f00", Address: "ws://10.0.0.7:4000"}
	err := client.Run(ctx, self, func(roster []core.Peer) {
		fmt.Println(roster)
		cancel()
	})
	fmt.Println(err)
	// Output:
	// [{386f18bdd6681f00 ws://10.0.0.7:4000}]
	// <nil>
}

// A service in an application's own HTTP server, beside other handlers. Whoever mounts it
// shuts it down, before the HTTP server: its connections are WebSockets, which that one
// does not know any more.
func ExampleServer_ServeHTTP() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	discovery := service.NewServer(service.ServerOptions{AuthToken: "secret"})
	mux := http.NewServeMux()
	mux.Handle("/discovery", discovery)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the application") })
	web := httptest.NewServer(mux) // an *http.Server, in an application
	defer web.Close()
	defer discovery.Shutdown(ctx)

	url := "ws" + strings.TrimPrefix(web.URL, "http") + "/discovery" // DiscoveryAddress
	client := service.NewClient(service.ClientOptions{URL: url, AuthToken: "secret"})
	client.Run(ctx, core.Peer{ID: "386f18bdd6681f00", Address: "ws://10.0.0.7:4000"}, func(roster []core.Peer) {
		fmt.Println(roster)
		cancel()
	})
	// Output:
	// [{386f18bdd6681f00 ws://10.0.0.7:4000}]
}

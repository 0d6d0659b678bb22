package service_test

import (
	"context"
	"fmt"

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

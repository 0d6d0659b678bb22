package adminui_test

import (
	"fmt"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/socketio/adminui"
)

// Pages of the admin UI can connect to a server of the mesh. This is the hash of
// "changeit".
func ExampleInstrument() {
	m, err := mesh.New(mesh.Config{Listen: "127.0.0.1:0", Peers: []string{"ws://10.0.0.8:4000"}})
	if err != nil {
		panic(err)
	}
	options := socket.DefaultServerOptions()
	if err := m.Configure(options); err != nil {
		panic(err)
	}
	io := socket.NewServer(nil, options)
	defer io.Close(nil)

	ui, err := adminui.Instrument(io, adminui.Options{
		Username:     "admin",
		PasswordHash: "$2b$10$heqvAkYMez.Va6Et2uXInOnkCT6/uQj1brkrbyG3LpopDklcq7ZOS",
		Mode:         adminui.Production,
	})
	if err != nil {
		panic(err)
	}
	defer ui.Close()
	fmt.Println("connect a page to this server's URL")
	// Output: connect a page to this server's URL
}

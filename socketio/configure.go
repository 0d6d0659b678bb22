package socketio

import (
	"fmt"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/fastpath"
	"github.com/socketmesh/mesh/socketio/internal/sioparser"
)

// Configure sets the options of a server to come, before socket.NewServer gets them:
//
//   - The adapter is this one. Options that name another one already are an error, and
//     so is a second server while the first one is open, see [ErrSecondServer].
//   - The parser is ours, which leaves values as they are and takes less to decode what
//     clients send. One that the options name stays, and what its decoders decode is
//     held back where a client is ahead of its handlers.
//   - The transports are those that the options name, else polling and WebSocket, with
//     ours in the place of the library's. One of another make stays, and clients that
//     use it are left to the library, which is logged when the server starts.
//
// With the option [ClientOptions.Library] the transports stay as they are.
func (c *Constructor) Configure(options *socket.ServerOptions) error {
	if options == nil {
		return &core.ConfigError{Field: "ServerOptions", Value: nil, Allowed: "options as socket.DefaultServerOptions() makes them"}
	}
	if set := options.Adapter(); set != nil && set != socket.AdapterConstructor(c) {
		return &core.ConfigError{Field: "ServerOptions.Adapter", Value: fmt.Sprintf("%T", set), Allowed: "none, or the adapter of this mesh"}
	}
	if other := c.otherServer(nil); other != "" {
		return fmt.Errorf("socketio: the server made at %s is open: %w", other, ErrSecondServer)
	}
	options.SetAdapter(c)
	own := options.Parser()
	if own == nil {
		options.SetParser(sioparser.Parser{})
	}
	if c.clients.Library {
		return nil
	}
	if own != nil {
		options.SetParser(sioparser.Guarded(own))
	}
	_ = fastpath.New(&c.fastpath).Prepare(options) // an error is logged when there is a server
	return nil
}

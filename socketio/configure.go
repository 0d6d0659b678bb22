package socketio

import (
	"fmt"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio/internal/fastpath"
	"github.com/socketmesh/mesh/socketio/internal/sioparser"
)

// Configure sets the options of a server, before socket.NewServer gets them:
//
//   - The adapter is this one. Options that name another one already are an error, and
//     so is a second server while the first one is open, see [ErrSecondServer].
//   - The parser is ours, which does not change the values that are sent, and decodes packets
//     of clients at less cost. If the options name a parser, it stays, and its decoders are
//     wrapped so that clients that are ahead of their handlers can be held back.
//   - The transports are those that the options name, by default polling and WebSocket, with
//     ours instead of the library's. Other transports stay; clients that
//     use them are left to the library, which is logged when the server starts.
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
	_ = fastpath.New(&c.fastpath).Prepare(options) // its error is logged when the server starts
	return nil
}

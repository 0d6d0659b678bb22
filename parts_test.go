package mesh_test

import (
	"context"
	"net"

	"github.com/socketmesh/mesh/core"
)

// Parts that do nothing but have a name, for tests of how parts are chosen.

type transport struct{ name string }

func (t transport) Name() string { return t.name }
func (t transport) Listen(context.Context, string) (core.Listener, error) {
	return nil, net.ErrClosed
}
func (t transport) Dial(context.Context, string) (core.Conn, error) { return nil, net.ErrClosed }

type codec struct{ name string }

func (c codec) Name() string                                       { return c.name }
func (c codec) Append(dst []byte, _ *core.Message) ([]byte, error) { return dst, core.ErrUnsupported }
func (c codec) Decode([]byte, *core.Message) error                 { return core.ErrUnsupported }

type discovery struct{ name string }

func (d discovery) Name() string { return d.name }
func (d discovery) Run(ctx context.Context, _ core.Peer, _ func([]core.Peer)) error {
	<-ctx.Done()
	return nil
}

// picky is a transport that says which addresses are its own.
type picky struct{ transport }

func (picky) Schemes() []string { return []string{"coo", "flap"} }

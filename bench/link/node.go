package link

import (
	"context"
	"fmt"
	"time"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/codec/msgpack"
	"github.com/socketmesh/mesh/codec/proto"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/static"
	"github.com/socketmesh/mesh/internal/cluster"
	"github.com/socketmesh/mesh/internal/node"
)

// codecs are the codecs of nodes, by name. "" is the default; bare has no node.
var codecs = map[string]func() core.Codec{
	"":        func() core.Codec { return json.New() },
	"json":    func() core.Codec { return json.New() },
	"proto":   func() core.Codec { return proto.New() },
	"msgpack": func() core.Codec { return msgpack.New() },
	bare:      nil,
	"plain":   func() core.Codec { return new(plain) },
}

const (
	namespace = "/bench"
	upTime    = 10 * time.Second
	downTime  = 5 * time.Second
)

// nodeEnd is a node of a mesh of two.
type nodeEnd struct {
	silentHost
	node    *node.Node
	adapter core.Adapter
	receive func(End, []byte)
}

// newNodeEnd makes a node that listens at an address, and dials a peer if one is given.
func newNodeEnd(ctx context.Context, transport core.Transport, codec, listen, peer string, receive func(End, []byte)) (*nodeEnd, error) {
	config := core.Config{
		Listen: listen, Advertise: transport.Name() + "://" + listen, Transport: transport, Codecs: []core.Codec{codecs[codec]()}, AuthToken: token,
	}
	if peer != "" {
		config.Discovery = static.New(static.Options{Peers: []string{peer}})
	}
	n, err := node.New(config, cluster.New)
	if err != nil {
		return nil, err
	}
	e := &nodeEnd{node: n, receive: receive}
	if e.adapter, err = n.Adapter(namespace, e); err != nil {
		return nil, err
	}
	return e, n.Start(ctx)
}

func (e *nodeEnd) Send(message []byte) error {
	e.adapter.Broadcast(core.Payload{Text: message}, core.Target{})
	return nil
}

func (e *nodeEnd) Flush() error { return nil }

func (e *nodeEnd) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), downTime)
	defer cancel()
	return e.node.Shutdown(ctx)
}

// Broadcast receives messages; those that this end has sent come here, too.
func (e *nodeEnd) Broadcast(event core.Payload, _ core.Target) { e.receive(e, event.Text) }

// listenNode opens a node that waits for the other one.
func listenNode(ctx context.Context, transport core.Transport, codec, address string, receive func(End, []byte)) (End, string, error) {
	e, err := newNodeEnd(ctx, transport, codec, address, "", receive)
	if err != nil {
		return nil, "", err
	}
	return e, e.node.Advertised(), nil
}

// dialNode opens a node, and returns when the two have a link.
func dialNode(ctx context.Context, transport core.Transport, codec, own, address string, receive func(End, []byte)) (End, error) {
	e, err := newNodeEnd(ctx, transport, codec, own, address, receive)
	if err != nil {
		return nil, err
	}
	return e, e.await(ctx)
}

func (e *nodeEnd) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, upTime)
	defer cancel()
	for e.adapter.ServerCount() < 2 {
		select {
		case <-ctx.Done():
			e.Close()
			return fmt.Errorf("the two nodes do not meet: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// silentHost is a namespace without sockets.
type silentHost struct{}

func (silentHost) BroadcastWithAck(_ core.Payload, _ core.Target, count func(int), _ func(core.Payload)) {
	count(0)
}
func (silentHost) Sockets(core.Target, bool) []core.Socket { return nil }
func (silentHost) Has(string) bool                         { return false }
func (silentHost) Join(core.Target, []string)              {}
func (silentHost) Leave(core.Target, []string)             {}
func (silentHost) Disconnect(core.Target, bool)            {}
func (silentHost) ServerSideEmit(core.Payload, func(core.Payload)) {
}

var _ core.Host = (*nodeEnd)(nil)

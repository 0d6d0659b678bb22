package link

import (
	"context"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/transport/mem"
	"github.com/socketmesh/mesh/transport/quic"
	"github.com/socketmesh/mesh/transport/ws"
)

// parts are the parts of a mesh's link: a transport, and nodes with a codec, or no nodes.
type parts struct {
	transport core.Transport
	codec     string
}

const (
	// bare as codec means a link without nodes, only the transport.
	bare = "bare"
	// token is the secret by which the two ends authenticate over QUIC.
	token    = "a benchmark between two processes of one machine"
	loopback = "127.0.0.1:0"
)

// partsOf returns the parts of a link between processes.
func partsOf(name, codec string) parts {
	if name == "quic" {
		return parts{quic.New(quic.Options{AuthToken: token}), codec}
	}
	return parts{ws.New(ws.Options{}), codec}
}

// listen opens the listening end, at an address.
func (p parts) listen(ctx context.Context, address string, receive func(End, []byte)) (End, string, error) {
	if p.codec == bare {
		return listenConn(ctx, p.transport, address, receive)
	}
	return listenNode(ctx, p.transport, p.codec, address, receive)
}

// dial opens the dialling end, which may need an address of its own.
func (p parts) dial(ctx context.Context, own, address string, receive func(End, []byte)) (End, error) {
	if p.codec == bare {
		return dialConn(ctx, p.transport, address, receive)
	}
	return dialNode(ctx, p.transport, p.codec, own, address, receive)
}

// pair opens both ends in this process.
func pair(ctx context.Context, codec string, receive, answer func(End, []byte)) (sender, receiver End, err error) {
	network := mem.NewNetwork()
	there, address, err := parts{network.Transport("b"), codec}.listen(ctx, "b:1", answer)
	if err != nil {
		return nil, nil, err
	}
	here, err := parts{network.Transport("a"), codec}.dial(ctx, "a:1", address, receive)
	if err != nil {
		there.Close()
		return nil, nil, err
	}
	return here, there, nil
}

package stack

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/codec/msgpack"
	"github.com/socketmesh/mesh/codec/proto"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/certs"
	"github.com/socketmesh/mesh/transport/mem"
	"github.com/socketmesh/mesh/transport/quic"
	"github.com/socketmesh/mesh/transport/ws"
)

// The two halves of a stack.
var (
	transports = []string{memory, "ws", "wss", "quic"}
	codecs     = []string{"json", "msgpack", "proto"}
)

// memory is the one transport that needs no sockets.
const memory = "mem"

// onEveryStack runs a scenario on all stacks.
func onEveryStack(t *testing.T, scenario func(w *world)) {
	t.Parallel()
	for _, transport := range transports {
		for _, codec := range codecs {
			t.Run(transport+"+"+codec, func(t *testing.T) {
				t.Parallel()
				on(t, transport, codec, scenario)
			})
		}
	}
}

// onEveryTransport runs a scenario for which the codec does not matter.
func onEveryTransport(t *testing.T, scenario func(w *world)) {
	t.Parallel()
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			on(t, transport, "json", scenario)
		})
	}
}

func on(t *testing.T, transport, codec string, scenario func(w *world)) {
	if transport == memory {
		synctest.Test(t, func(t *testing.T) { scenario(newWorld(t, transport, codec, mem.NewNetwork())) })
		return
	}
	scenario(newWorld(t, transport, codec, nil))
}

func newCodec(name string) core.Codec {
	return map[string]core.Codec{"json": json.New(), "msgpack": msgpack.New(), "proto": proto.New()}[name]
}

// The certificate of all nodes, and the token.
var (
	certificate = sync.OnceValues(func() (identity, error) {
		authority, err := certs.NewAuthority("mesh", time.Hour)
		if err != nil {
			return identity{}, err
		}
		pair, err := authority.Issue(time.Hour, "127.0.0.1")
		return identity{Authority: authority.Cert, Cert: pair.Cert, Key: pair.Key}, err
	})
	token = "a secret of these tests"
)

// identity is what nodes show each other over TLS, as PEM.
type identity struct{ Authority, Cert, Key []byte }

func (i identity) config() (*tls.Config, error) {
	pair, err := tls.X509KeyPair(i.Cert, i.Key)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(i.Authority) {
		err = errors.Join(err, errors.New("no authority"))
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, ClientCAs: pool}, err
}

// closeTimeout is what closing a link to a stopped process costs.
const closeTimeout = 300 * time.Millisecond

// newTransport makes one that works over sockets.
func newTransport(name string, id identity) (core.Transport, error) {
	switch name {
	case "ws":
		return ws.New(ws.Options{CloseTimeout: closeTimeout}), nil
	case "wss":
		config, err := id.config()
		return ws.New(ws.Options{CloseTimeout: closeTimeout, TLS: config, Secure: true}), err
	case "quic":
		return quic.New(quic.Options{CloseTimeout: closeTimeout, AuthToken: token}), nil
	}
	return nil, fmt.Errorf("no transport %q", name)
}

// shared are the transports of this process. Nodes may share one, and what it
// derives from the token.
var shared = func() map[string]func() (core.Transport, error) {
	m := map[string]func() (core.Transport, error){}
	for _, name := range transports {
		m[name] = sync.OnceValues(func() (core.Transport, error) {
			id, err := certificate()
			if err != nil {
				return nil, err
			}
			return newTransport(name, id)
		})
	}
	return m
}()

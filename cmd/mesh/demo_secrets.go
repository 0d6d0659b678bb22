package main

import (
	"cmp"
	"crypto/rand"
	"crypto/tls"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/internal/certs"
)

// makeUp gives a demo what its transport does not work without and nobody has
// given: a token for quic, certificates for wss. It says what it has made up.
func (o *demoOptions) makeUp() (note string, err error) {
	switch {
	case o.stack.TLS != (mesh.TLS{}):
	case o.stack.Transport == mesh.TransportQUIC && o.token == "":
		o.token = rand.Text()
		return "token      " + o.token + "   (made up: servers that join need it as MESH_AUTH_TOKEN)", nil
	case o.stack.Transport == mesh.TransportWSS:
		o.stack.TLS.Config, err = passingTLS(o.host)
		return "TLS        certificates made up, and forgotten at the end: no server can join", err
	}
	return "", nil
}

// passingTLS has a certificate by an authority that nobody else knows.
func passingTLS(host string) (*tls.Config, error) {
	authority, err := certs.NewAuthority("mesh", 24*time.Hour)
	if err != nil {
		return nil, err
	}
	node, err := authority.Issue(24*time.Hour, "localhost", cmp.Or(host, "localhost"))
	if err != nil {
		return nil, err
	}
	certificate, err := node.TLS()
	if err != nil {
		return nil, err
	}
	pool := authority.Pool()
	return &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: pool, ClientCAs: pool}, nil
}

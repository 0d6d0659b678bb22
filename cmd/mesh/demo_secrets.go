package main

import (
	"cmp"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/internal/certs"
)

// demoSecrets are secrets that a demo's transport needs and that were not given: a token
// for quic, certificates (PEM) for wss, of an authority that only this demo knows.
type demoSecrets struct {
	Token         string
	CA, Cert, Key []byte
}

// makeUp generates secrets if they are needed.
func (o *demoOptions) makeUp() error {
	switch {
	case o.stack.TLS != (mesh.TLS{}):
	case o.stack.Transport == mesh.TransportQUIC && o.token == "":
		o.token = rand.Text()
		o.made.Token = o.token
	case o.stack.Transport == mesh.TransportWSS:
		authority, err := certs.NewAuthority("mesh", 24*time.Hour)
		if err != nil {
			return err
		}
		node, err := authority.Issue(24*time.Hour, "localhost", cmp.Or(o.host, "localhost"))
		if err != nil {
			return err
		}
		o.made.CA, o.made.Cert, o.made.Key = authority.Cert, node.Cert, node.Key
	}
	return nil
}

// note says which secrets were generated.
func (s demoSecrets) note() string {
	switch {
	case s.Token != "":
		return "token      " + s.Token + "   (made up: servers that join need it as MESH_AUTH_TOKEN)"
	case s.Cert != nil:
		return "TLS        certificates made up, and forgotten at the end: no server can join"
	}
	return ""
}

// apply sets the certificates in a server's configuration.
func (s demoSecrets) apply(c *mesh.Config) error {
	if s.Cert == nil {
		return nil
	}
	certificate, err := tls.X509KeyPair(s.Cert, s.Key)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(s.CA) {
		return errors.New("the authority of the demo is no certificate")
	}
	c.TLS.Config = &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: pool, ClientCAs: pool}
	return nil
}

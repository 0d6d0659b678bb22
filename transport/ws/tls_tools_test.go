package ws

import (
	"crypto/tls"
	"crypto/x509"
	"sync"
	"testing"
	"time"

	"github.com/socketmesh/mesh/internal/certs"
)

// meshName is what the certificates of the tests are for, beside 127.0.0.1.
const meshName = "mesh.test"

// authorities are that of the mesh, and another one.
var authorities = sync.OnceValues(func() (ours, foreign *certs.Authority) {
	ours, err := certs.NewAuthority("mesh", time.Hour)
	if err == nil {
		foreign, err = certs.NewAuthority("somebody else", time.Hour)
	}
	if err != nil {
		panic(err)
	}
	return ours, foreign
})

// issue is a certificate by our authority.
func issue(t testing.TB, names ...string) tls.Certificate {
	t.Helper()
	ours, _ := authorities()
	return certificate(t)(ours.Issue(time.Hour, names...))
}

// certificate makes package tls's of a pair.
func certificate(t testing.TB) func(certs.Pair, error) tls.Certificate {
	return func(pair certs.Pair, err error) tls.Certificate {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		c, err := pair.TLS()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// mutual is the configuration of a node with a certificate.
func mutual(t testing.TB, certificate tls.Certificate) *tls.Config {
	t.Helper()
	return &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: pool(), ClientCAs: pool()}
}

// pool has the authority of the mesh.
func pool() *x509.CertPool {
	ours, _ := authorities()
	return ours.Pool()
}

// secured are quick options with TLS.
func secured(config *tls.Config) Options {
	o := quick
	o.TLS = config
	return o
}

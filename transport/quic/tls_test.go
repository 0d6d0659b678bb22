package quic

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/socketmesh/mesh/core"
)

// issuer is a certificate authority of a test.
type issuer struct {
	t           *testing.T
	key         ed25519.PrivateKey
	certificate *x509.Certificate
	pool        *x509.CertPool
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "test"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return &issuer{t, key, certificate, pool}
}

// leaf issues a certificate.
func (i *issuer) leaf(change func(*x509.Certificate)) tls.Certificate {
	i.t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.certificate, public, i.key)
	if err != nil {
		i.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// transport is one with a certificate by this authority, which trusts trusted.
func (i *issuer) transport(trusted *issuer, log *logs, change func(*x509.Certificate)) *Transport {
	options := quick
	options.AuthToken = ""
	options.TLS = &tls.Config{Certificates: []tls.Certificate{i.leaf(change)}, RootCAs: trusted.pool}
	options.Logger = log.logger()
	return New(options)
}

func expired(c *x509.Certificate)     { c.NotAfter = time.Now().Add(-time.Minute) }
func early(c *x509.Certificate)       { c.NotBefore = time.Now().Add(time.Minute) }
func elsewhere(c *x509.Certificate)   { c.DNSNames, c.IPAddresses = []string{"elsewhere"}, nil }
func byNameOnly(c *x509.Certificate)  { c.IPAddresses = nil }
func forServers(c *x509.Certificate)  { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
func forClients(c *x509.Certificate)  { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
func forNothing(c *x509.Certificate)  { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }
func nobodyInDoubt(*x509.Certificate) {}

// With TLS in the options, both ends are verified, and the acceptor's name.
func TestOwnCertificates(t *testing.T) {
	mesh, other := newIssuer(t), newIssuer(t)
	for name, c := range map[string]struct {
		acceptor, dialler func(*x509.Certificate)
		by                *issuer // the dialler's certificate
		works             bool
	}{
		"good":                            {nobodyInDoubt, nobodyInDoubt, mesh, true},
		"diallers have any name":          {nobodyInDoubt, elsewhere, mesh, true},
		"acceptor of another name":        {elsewhere, nobodyInDoubt, mesh, false},
		"acceptor of this name, by IP":    {byNameOnly, nobodyInDoubt, mesh, false},
		"acceptor has expired":            {expired, nobodyInDoubt, mesh, false},
		"dialler has expired":             {nobodyInDoubt, expired, mesh, false},
		"dialler is early":                {nobodyInDoubt, early, mesh, false},
		"dialler of another authority":    {nobodyInDoubt, nobodyInDoubt, other, false},
		"dialler's is for servers":        {nobodyInDoubt, forServers, mesh, false},
		"acceptor's is for clients":       {forClients, nobodyInDoubt, mesh, false},
		"dialler's is for something else": {nobodyInDoubt, forNothing, mesh, false},
	} {
		t.Run(name, func(t *testing.T) {
			log := newLogs()
			acceptor := mesh.transport(mesh, log, c.acceptor)
			l := listen(t, acceptor)
			dialled, err := dial(t, c.by.transport(mesh, newLogs(), c.dialler), "quic://"+l.Addr())
			if c.works {
				if err != nil {
					t.Fatal(err)
				}
				accepted := accept(t, l)
				wantEcho(t, dialled, accepted)
				closeBoth(dialled, accepted)
				return
			}
			if !errors.Is(err, core.ErrUnauthorized) {
				t.Errorf("Dial: got %v, want one that wraps core.ErrUnauthorized", err)
			}
			log.wait(t, "refusing a connection", "unauthorized", "certificate")
			if n := acceptor.Stats().Refusals; n != 1 {
				t.Errorf("Refusals: got %d, want 1", n)
			}
		})
	}
}

// The acceptor's certificate has to be for the name that was dialled.
func TestOwnCertificatesByName(t *testing.T) {
	mesh := newIssuer(t)
	transport := mesh.transport(mesh, newLogs(), byNameOnly)
	l := listen(t, transport)
	_, port, _ := net.SplitHostPort(l.Addr())
	dialled, err := dial(t, transport, "quic://localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	closeBoth(dialled, accept(t, l))
}

// With ServerName, the certificates of diallers have to be for that name too.
func TestServerNameIsForBothEnds(t *testing.T) {
	mesh, log := newIssuer(t), newLogs()
	named := func(name string, log *logs) *Transport {
		options := quick
		options.AuthToken, options.Logger = "", log.logger()
		options.TLS = &tls.Config{
			Certificates: []tls.Certificate{mesh.leaf(func(c *x509.Certificate) { c.DNSNames = []string{name} })},
			RootCAs:      mesh.pool,
			ServerName:   "mesh",
		}
		return New(options)
	}
	l := listen(t, named("mesh", log))
	if _, err := dial(t, named("other", newLogs()), l.Addr()); !errors.Is(err, core.ErrUnauthorized) {
		t.Errorf("Dial: got %v, want one that wraps core.ErrUnauthorized", err)
	}
	log.wait(t, "refusing a connection", "unauthorized")
	dialled, err := dial(t, named("mesh", newLogs()), l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	closeBoth(dialled, accept(t, l))
}

// Nodes with different tokens do not connect, and both sides log why.
func TestOtherToken(t *testing.T) {
	log := newLogs()
	options := quick
	options.Logger = log.logger()
	acceptor := like(options)
	l := listen(t, acceptor)
	options = quick
	options.AuthToken = "another"
	_, err := dial(t, New(options), l.Addr())
	if !errors.Is(err, core.ErrUnauthorized) {
		t.Errorf("Dial: got %v, want one that wraps core.ErrUnauthorized", err)
	}
	log.wait(t, "refusing a connection", "unauthorized", "AuthToken", "remote=127.0.0.1:")
	wantWords(t, err, "AuthToken", l.Addr())
	wantWorks(t, l)
}

// The acceptor verifies the dialler's certificate, whatever the dialler verifies.
func TestAcceptorVerifies(t *testing.T) {
	foreign := newIssuer(t)
	for name, certificates := range map[string][]tls.Certificate{
		"no certificate":      nil,
		"foreign certificate": {foreign.leaf(func(c *x509.Certificate) { c.DNSNames = []string{meshName} })},
	} {
		t.Run(name, func(t *testing.T) {
			log := newLogs()
			options := quick
			options.Logger = log.logger()
			acceptor := like(options)
			l := listen(t, acceptor)
			dialler := New(quick)
			dialler.identity = func() (*credentials, error) {
				return &credentials{
					dialler: &tls.Config{NextProtos: []string{protocol}, InsecureSkipVerify: true, Certificates: certificates},
					advice:  "is AuthToken the same?",
				}, nil
			}
			_, err := dial(t, dialler, l.Addr())
			if !errors.Is(err, core.ErrUnauthorized) {
				t.Errorf("Dial: got %v, want one that wraps core.ErrUnauthorized", err)
			}
			wantWords(t, err, "AuthToken", "refuses our certificate")
			log.wait(t, "unauthorized")
			if n := acceptor.Stats().Refusals; n != 1 {
				t.Errorf("Refusals: got %d, want 1", n)
			}
			wantWorks(t, l)
		})
	}
}

// A dialler of another protocol, or of another version of ours, is told so.
func TestOtherProtocol(t *testing.T) {
	for _, offer := range [][]string{{"socketmesh/2"}, {"h3"}, nil} {
		log := newLogs()
		options := quick
		options.Logger = log.logger()
		l := listen(t, like(options))
		config := member(t)
		config.NextProtos = offer
		_, err := stranger(t, l.Addr(), config)
		var refused *quicgo.TransportError
		if !errors.As(err, &refused) || !refused.Remote || !refused.ErrorCode.IsCryptoError() {
			t.Errorf("%v: the stranger got %v", offer, err)
		}
		log.wait(t, "refusing a connection", core.ErrNoCommonVersion.Error(), protocol)
		wantWorks(t, l)
	}
}

// An acceptor of another protocol is an error of Dial that says so.
func TestDialOtherProtocol(t *testing.T) {
	s, err := shared().newSocket(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.release()
	known, err := shared().credentials()
	if err != nil {
		t.Fatal(err)
	}
	config := known.acceptor.Clone()
	config.NextProtos = []string{"socketmesh/2"}
	l, err := s.quic.Listen(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = dial(t, shared(), l.Addr().String())
	if !errors.Is(err, core.ErrNoCommonVersion) {
		t.Errorf("Dial: got %v, want one that wraps core.ErrNoCommonVersion", err)
	}
	wantWords(t, err, protocol, l.Addr().String())
}

// A configuration of GetConfigForClient cannot switch verification off.
func TestChosenConfigIsHardened(t *testing.T) {
	mesh, other := newIssuer(t), newIssuer(t)
	log := newLogs()
	options := quick
	options.AuthToken, options.Logger = "", log.logger()
	options.TLS = &tls.Config{Certificates: []tls.Certificate{mesh.leaf(nil)}, RootCAs: mesh.pool}
	inner := options.TLS.Clone()
	options.TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return inner, nil }
	l := listen(t, New(options))
	if _, err := dial(t, other.transport(mesh, newLogs(), nil), l.Addr()); !errors.Is(err, core.ErrUnauthorized) {
		t.Errorf("Dial with a foreign certificate: got %v", err)
	}
	dialled, err := dial(t, mesh.transport(mesh, newLogs(), nil), l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	closeBoth(dialled, accept(t, l))
}

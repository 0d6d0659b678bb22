package peertls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// CanServe reports whether c has a certificate for an acceptor. A nil c has none.
func CanServe(c *tls.Config) bool {
	return c != nil && (len(c.Certificates) > 0 || c.GetCertificate != nil || c.GetConfigForClient != nil)
}

// Server returns c for the accepting end of links that speak protocol. If c has
// ClientCAs, diallers must present a certificate that one of these has signed; if it has
// a ServerName, that certificate must be for that name.
func Server(c *tls.Config, protocol string) *tls.Config {
	s := c.Clone()
	tune(s, protocol)
	if s.ClientCAs != nil {
		s.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if s.ServerName != "" && s.ClientAuth != tls.NoClientCert {
		s.VerifyConnection = both(checkName(s.ServerName), s.VerifyConnection)
	}
	// A resumed session would not be verified again after the authorities have changed.
	s.SessionTicketsDisabled = true
	s.GetConfigForClient = changed(c.GetConfigForClient, func(chosen *tls.Config) *tls.Config { return Server(chosen, protocol) })
	return s
}

// AskingServer is [Server] for an acceptor that asks for certificates without verifying
// them: its handlers do, see [VerifyClient].
func AskingServer(c *tls.Config, protocol string) *tls.Config {
	s := Server(c, protocol)
	s.ClientAuth, s.VerifyConnection = tls.RequestClientCert, nil
	s.GetConfigForClient = changed(c.GetConfigForClient, func(chosen *tls.Config) *tls.Config { return AskingServer(chosen, protocol) })
	return s
}

// changed returns a GetConfigForClient that applies change to the result of choose; nil
// if choose is nil.
func changed(choose func(*tls.ClientHelloInfo) (*tls.Config, error), change func(*tls.Config) *tls.Config) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	if choose == nil {
		return nil
	}
	return func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		chosen, err := choose(hello)
		if chosen == nil || err != nil {
			return nil, err
		}
		return change(chosen), nil
	}
}

// Client returns c for the dialling end; a nil c trusts the system's authorities. The
// acceptor's certificate must be for c's ServerName, or else for the host that is
// dialled. roots, if not nil, returns the authorities as they are now.
func Client(c *tls.Config, roots func() *x509.CertPool, protocol string) *tls.Config {
	d := c.Clone()
	if d == nil {
		d = &tls.Config{}
	}
	tune(d, protocol)
	if roots != nil {
		d.RootCAs = roots()
	}
	return d
}

// tune sets options that both ends need: one protocol, and records of the full size from
// the start, because links carry batches.
func tune(c *tls.Config, protocol string) {
	c.NextProtos = []string{protocol}
	c.DynamicRecordSizingDisabled = true
}

// AsksClients reports whether an acceptor with c asks diallers for certificates and has
// authorities to verify them. A nil c does not.
func AsksClients(c *tls.Config) bool { return c != nil && chosen(c).ClientCAs != nil }

// chosen returns the configuration that an acceptor with c uses now.
func chosen(c *tls.Config) *tls.Config {
	if c.GetConfigForClient != nil {
		if now, err := c.GetConfigForClient(&tls.ClientHelloInfo{}); err == nil && now != nil {
			return now
		}
	}
	return c
}

var errNoCertificate = errors.New("no certificate was presented")

// VerifyClient verifies the dialler as the handshake of [Server] does, for a connection
// that another HTTP server has accepted. That server may have asked for a certificate
// without verifying it; state is nil if the connection has no TLS.
func VerifyClient(c *tls.Config, state *tls.ConnectionState) error {
	if c == nil {
		return nil
	}
	if c = chosen(c); c.ClientCAs == nil {
		return nil
	}
	if state == nil || len(state.PeerCertificates) == 0 {
		return errNoCertificate
	}
	err := verifyChain(state.PeerCertificates, c.ClientCAs, x509.ExtKeyUsageClientAuth)
	if err == nil && c.ServerName != "" {
		err = checkName(c.ServerName)(*state)
	}
	if err == nil && c.VerifyConnection != nil {
		err = c.VerifyConnection(*state)
	}
	return err
}

// verifyChain verifies a peer's certificate, the first one, for one of these uses. The
// other certificates lead from it to the authorities.
func verifyChain(certificates []*x509.Certificate, authorities *x509.CertPool, uses ...x509.ExtKeyUsage) error {
	between := x509.NewCertPool()
	for _, certificate := range certificates[1:] {
		between.AddCert(certificate)
	}
	_, err := certificates[0].Verify(x509.VerifyOptions{Roots: authorities, Intermediates: between, KeyUsages: uses})
	return err
}

// checkName returns a verifier: if the peer has a certificate, it has to be for this
// name.
func checkName(name string) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return nil
		}
		if err := state.PeerCertificates[0].VerifyHostname(name); err != nil {
			return fmt.Errorf("the dialler's certificate: %w", err)
		}
		return nil
	}
}

// both returns a verifier that calls two verifiers; second may be nil.
func both(first, second func(tls.ConnectionState) error) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if err := first(state); err != nil || second == nil {
			return err
		}
		return second(state)
	}
}

// Expires returns when the first of the certificates in c expires; zero if c has none, or
// returns them from a function.
func Expires(c *tls.Config) (first time.Time) {
	if c == nil {
		return first
	}
	for _, pair := range c.Certificates {
		leaf := pair.Leaf
		if leaf == nil && len(pair.Certificate) > 0 {
			leaf, _ = x509.ParseCertificate(pair.Certificate[0])
		}
		if leaf != nil && (first.IsZero() || leaf.NotAfter.Before(first)) {
			first = leaf.NotAfter
		}
	}
	return first
}

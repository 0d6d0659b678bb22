package peertls

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// IsURIPattern reports whether [WithURIs] accepts a pattern: a URI with a host, in which
// a * stands for any characters but a slash.
func IsURIPattern(pattern string) bool {
	_, bad := path.Match(pattern, "")
	u, err := url.Parse(pattern)
	return err == nil && bad == nil && u.Scheme != "" && u.Host != "" && !strings.ContainsAny(pattern, `?[]\`)
}

// WithURIs returns c for both ends of links between nodes whose certificates have URIs,
// such as SPIFFE IDs. An acceptor is a server: its certificate needs a URI that fits
// servers. A dialler's certificate needs such a URI, or one that fits a pattern of
// others. These certificates need no names: they are not checked for the host that is
// dialled. roots returns the authorities as they are now.
func WithURIs(c *tls.Config, servers string, others []string, roots func() *x509.CertPool) *tls.Config {
	accepting := verifyURI(roots, append([]string{servers}, others...))
	c = c.Clone()
	choose := c.GetConfigForClient
	if choose == nil {
		own := c.Clone()
		choose = func(*tls.ClientHelloInfo) (*tls.Config, error) { return own, nil }
	}
	c.GetConfigForClient = changed(choose, func(chosen *tls.Config) *tls.Config {
		chosen = chosen.Clone()
		chosen.VerifyConnection = accepting
		return chosen
	})
	c.InsecureSkipVerify = true // of an acceptor's name, and with it the chain: VerifyConnection does that
	c.VerifyConnection = verifyURI(roots, []string{servers})
	return c
}

// verifyURI returns a verifier: one of the authorities has to have signed the peer's
// certificate, and one of its URIs has to fit one of these patterns.
func verifyURI(roots func() *x509.CertPool, patterns []string) func(tls.ConnectionState) error {
	patterns = slices.DeleteFunc(patterns, func(pattern string) bool { return pattern == "" })
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errNoCertificate
		}
		// The handshake has checked a dialler's certificate for that use; it is allowed both.
		if err := verifyChain(state.PeerCertificates, roots(), x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
		}
		return checkURI(state, patterns)
	}
}

// checkURI returns an error unless a URI fits one of the patterns.
func checkURI(state tls.ConnectionState, patterns []string) error {
	identity := Identity(state)
	for _, pattern := range patterns {
		if Fits(identity, pattern) {
			return nil
		}
	}
	why := fmt.Errorf("the peer's certificate has none of the URIs %s, but [%.256s]", strings.Join(patterns, " "), identity)
	return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates[:1], Err: why}
}

// Fits reports whether one of the URIs of an [Identity] fits a pattern. None fits "".
func Fits(identity, pattern string) bool {
	for uri := range strings.FieldsSeq(identity) {
		if fits, _ := path.Match(pattern, uri); fits && pattern != "" {
			return true
		}
	}
	return false
}

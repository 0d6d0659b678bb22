package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"time"

	"github.com/socketmesh/mesh/internal/reread"
)

// Source returns the current content of the files. It has no goroutine: each handshake
// checks whether a file has changed. If changed files are invalid, the last valid content
// stays in use, and the error is logged.
type Source struct {
	files   Files
	log     *slog.Logger
	content *reread.Content[*material]
}

// Open reads the files. Errors are [*Error].
func Open(files Files, log *slog.Logger) (*Source, error) {
	s := &Source{files: files, log: log}
	content, err := reread.Open([]string{files.Cert, files.Key, files.CA}, files.read, s.changed, s.invalid)
	if err != nil {
		return nil, err
	}
	s.content = content
	s.warnOfDates(s.now())
	return s, nil
}

func (s *Source) changed(_, now *material) {
	s.warnOfDates(now)
	s.log.Info("certificates have changed")
}

func (s *Source) invalid(err error) {
	s.log.Warn("changed certificate files are invalid; the old ones stay in use", "error", err)
}

// Config returns the configuration of both ends of links. Its authorities are the current
// ones. An acceptor gets later ones through its GetConfigForClient; a dialler has to call
// RootCAs for each dial.
func (s *Source) Config(serverName string) *tls.Config {
	m := s.now()
	c := &tls.Config{ServerName: serverName, RootCAs: m.authorities, ClientCAs: m.authorities}
	if s.files.Cert == "" {
		return c
	}
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.now().certificate, nil }
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return s.now().certificate, nil }
	if s.files.CA != "" {
		fixed := c.Clone()
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			chosen := fixed.Clone()
			chosen.ClientCAs = s.now().authorities
			return chosen, nil
		}
	}
	return c
}

// RootCAs returns the authorities as they are now; nil, the system's, without Files.CA.
func (s *Source) RootCAs() *x509.CertPool { return s.now().authorities }

// Expires returns when the certificate expires; zero without Files.Cert.
func (s *Source) Expires() time.Time {
	if c := s.now().certificate; c != nil {
		return c.Leaf.NotAfter
	}
	return time.Time{}
}

// now returns the current content of the files.
func (s *Source) now() *material { return s.content.Now() }

// warnOfDates warns if the certificate is not valid now.
func (s *Source) warnOfDates(m *material) {
	if m.certificate == nil {
		return
	}
	if leaf := m.certificate.Leaf; time.Now().After(leaf.NotAfter) || time.Now().Before(leaf.NotBefore) {
		s.log.Warn("this node's certificate is not valid now; peers will refuse it",
			"file", s.files.Cert, "valid_from", leaf.NotBefore, "valid_to", leaf.NotAfter)
	}
}

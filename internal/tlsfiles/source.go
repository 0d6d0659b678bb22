package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Source returns what the files hold now. It has no goroutine: a handshake looks whether
// a file has changed. If changed files are invalid, the last valid content stays in use,
// and the error is logged.
type Source struct {
	files Files
	log   *slog.Logger

	current atomic.Pointer[material]
	reading sync.Mutex // only tried, never waited for
	invalid [3]stamp   // of the last invalid files; guarded by reading
}

// Open reads the files. Errors are [*Error].
func Open(files Files, log *slog.Logger) (*Source, error) {
	m, err := files.read()
	if err != nil {
		return nil, err
	}
	s := &Source{files: files, log: log}
	s.use(m)
	return s, nil
}

// Config returns the configuration of both ends of links. Its authorities are those of
// now. An acceptor gets later ones by its GetConfigForClient; a dialler has to call
// RootCAs for each dial.
func (s *Source) Config(serverName string) *tls.Config {
	m := s.current.Load()
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

// Expires is when the certificate ends; zero without Files.Cert.
func (s *Source) Expires() time.Time {
	if c := s.now().certificate; c != nil {
		return c.Leaf.NotAfter
	}
	return time.Time{}
}

// now returns what the files hold. While one goroutine reads them, others get the last
// content.
func (s *Source) now() *material {
	if s.reading.TryLock() {
		defer s.reading.Unlock()
		s.refresh()
	}
	return s.current.Load()
}

func (s *Source) refresh() {
	stamps := s.files.stamps()
	if stamps == s.current.Load().stamps || stamps == s.invalid {
		return
	}
	m, err := s.files.read()
	if err != nil {
		s.invalid = stamps
		s.log.Warn("changed certificate files are invalid; the old ones stay in use", "error", err)
		return
	}
	s.use(m)
	s.log.Info("certificates have changed")
}

// use makes m the content in use, and warns if the certificate is not valid now.
func (s *Source) use(m *material) {
	s.current.Store(m)
	if m.certificate == nil {
		return
	}
	if leaf := m.certificate.Leaf; time.Now().After(leaf.NotAfter) || time.Now().Before(leaf.NotBefore) {
		s.log.Warn("this node's certificate is not valid now; peers will refuse it",
			"file", s.files.Cert, "valid_from", leaf.NotBefore, "valid_to", leaf.NotAfter)
	}
}

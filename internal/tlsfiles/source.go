package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Source gives what the files hold at the moment. There is no goroutine: files
// are looked at when a handshake asks. Files that are no good any more leave
// everything as it was, and are logged.
type Source struct {
	files Files
	log   *slog.Logger

	current atomic.Pointer[material]
	reading sync.Mutex // never waited for
	bad     [3]stamp   // of files that were found to be no good; reading is held
}

// Open reads the files. Errors are [*Error].
func Open(files Files, log *slog.Logger) (*Source, error) {
	m, err := files.read()
	if err != nil {
		return nil, err
	}
	s := &Source{files: files, log: log}
	s.take(m)
	return s, nil
}

// Config is for both ends of links. Its authorities are those of this moment: a
// dialler asks RootCAs for those of a later one, an acceptor's config looks
// itself.
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

// RootCAs are the authorities as they are now; nil, which stands for the
// system's, without a file of them.
func (s *Source) RootCAs() *x509.CertPool { return s.now().authorities }

// now is what the files hold. While they are read, others get what they held.
func (s *Source) now() *material {
	if s.reading.TryLock() {
		defer s.reading.Unlock()
		s.refresh()
	}
	return s.current.Load()
}

func (s *Source) refresh() {
	stamps := s.files.stamps()
	if stamps == s.current.Load().stamps || stamps == s.bad {
		return
	}
	m, err := s.files.read()
	if err != nil {
		s.bad = stamps
		s.log.Warn("certificates have changed for the worse; staying with the old ones", "error", err)
		return
	}
	s.take(m)
	s.log.Info("certificates have changed")
}

// take makes m what the files hold.
func (s *Source) take(m *material) {
	s.current.Store(m)
	if m.certificate == nil {
		return
	}
	if leaf := m.certificate.Leaf; time.Now().After(leaf.NotAfter) || time.Now().Before(leaf.NotBefore) {
		s.log.Warn("this node's certificate is not valid now; peers will refuse it",
			"file", s.files.Cert, "from", leaf.NotBefore, "to", leaf.NotAfter)
	}
}

package service

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/internal/certs"
)

// TestRefusedCertificates: a node without a certificate, with one by another authority, or
// that does not know the service's, is told to the operator with the reason and its address:
// once for each reason and host, and counted every time. Whoever just looks whether the port
// is open is not.
func TestRefusedCertificates(t *testing.T) {
	issue := func() (*certs.Authority, tls.Certificate) {
		a, err := certs.NewAuthority("mesh", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := a.Issue(time.Hour, "localhost", "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		c, err := pair.TLS()
		if err != nil {
			t.Fatal(err)
		}
		return a, c
	}
	ours, certificate := issue()
	theirs, foreign := issue()
	operator := new(logRecord)
	s, url := listening(t, ServerOptions{
		TLS:    &tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: ours.Pool(), ClientAuth: tls.RequireAndVerifyClientCert},
		Logger: operator.logger(),
	})
	dial := func(c *tls.Config) {
		t.Helper()
		conn, err := tls.Dial("tcp", s.Addr(), c)
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		io.ReadAll(conn) // the end, with TLS 1.3, comes after the handshake
	}
	refused := uint64(0)
	for name, c := range map[string]struct {
		config *tls.Config
		reason string
	}{
		"none":                 {&tls.Config{RootCAs: ours.Pool()}, "didn't provide a certificate"},
		"by another authority": {&tls.Config{RootCAs: ours.Pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &foreign, nil }}, "unknown authority"},
		"of the service":       {&tls.Config{RootCAs: theirs.Pool(), Certificates: []tls.Certificate{certificate}}, "bad certificate"},
	} {
		for range 3 {
			dial(c.config)
			refused++
			await.Condition(t, "the handshake is counted", func() bool { return s.Stats().BadTLS == refused })
		}
		if lines := operator.find(slog.LevelWarn, c.reason); len(lines) != 1 || !strings.Contains(lines[0], "remote=127.0.0.1:") {
			t.Errorf("%s: %q; all: %q", name, lines, operator.find(slog.LevelDebug, ""))
		}
	}
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	roots := &tls.Config{RootCAs: ours.Pool(), Certificates: []tls.Certificate{certificate}}
	client := NewClient(ClientOptions{URL: url, TLS: roots, Logger: slog.New(slog.DiscardHandler)})
	go client.Run(t.Context(), core.Peer{ID: "a", Address: "ws://a"}, func([]core.Peer) {})
	await.Condition(t, "the node is registered", func() bool { return len(s.Peers()) == 1 })
	if got := s.Stats().BadTLS; got != refused {
		t.Errorf("%d handshakes were refused, want %d", got, refused)
	}
}

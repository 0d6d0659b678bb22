package quic

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/core"
)

func TestValidate(t *testing.T) {
	some := tls.Certificate{Certificate: [][]byte{{1}}}
	pool := x509.NewCertPool()
	for name, c := range map[string]struct {
		options Options
		field   string // "" if nothing is wrong
	}{
		"token":                 {Options{AuthToken: "x"}, ""},
		"nothing":               {Options{}, "AuthToken"},
		"streams":               {Options{AuthToken: "x", Streams: 64}, ""},
		"too many streams":      {Options{AuthToken: "x", Streams: 65}, "Streams"},
		"negative streams":      {Options{AuthToken: "x", Streams: -1}, "Streams"},
		"TLS":                   {Options{TLS: &tls.Config{Certificates: []tls.Certificate{some}, RootCAs: pool}}, ""},
		"TLS with ClientCAs":    {Options{TLS: &tls.Config{Certificates: []tls.Certificate{some}, ClientCAs: pool}}, ""},
		"empty TLS":             {Options{TLS: &tls.Config{}}, "TLS"},
		"empty TLS and token":   {Options{TLS: &tls.Config{}, AuthToken: "x"}, "TLS"},
		"TLS without authority": {Options{TLS: &tls.Config{Certificates: []tls.Certificate{some}}}, "TLS"},
		"TLS without a certificate for dialling": {Options{TLS: &tls.Config{
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &some, nil },
			RootCAs:        pool,
		}}, "TLS"},
		"TLS that verifies nothing": {Options{TLS: &tls.Config{Certificates: []tls.Certificate{some}, RootCAs: pool, InsecureSkipVerify: true}}, "TLS"},
	} {
		err := c.options.Validate()
		if c.field == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var wrong *core.ConfigError
		if !errors.As(err, &wrong) || wrong.Field != c.field {
			t.Errorf("%s: got %v, want a *core.ConfigError for %s", name, err, c.field)
			continue
		}
		transport := New(c.options)
		l, listenErr := transport.Listen(t.Context(), "127.0.0.1:0")
		if listenErr == nil {
			l.Close()
		}
		_, dialErr := transport.Dial(t.Context(), "127.0.0.1:1")
		for _, err := range []error{listenErr, dialErr} {
			if !errors.As(err, &wrong) || wrong.Field != c.field {
				t.Errorf("%s: Listen or Dial: got %v, want a *core.ConfigError for %s", name, err, c.field)
			}
		}
	}
}

// Without a token and certificates, the error says what to set.
func TestNoSecretSaysWhatToSet(t *testing.T) {
	err := Options{}.Validate()
	for _, word := range []string{"AuthToken", "TLS"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("got %v, want %s in it", err, word)
		}
	}
}

// A listener's error tells what is wrong with the address.
func TestListenBadAddress(t *testing.T) {
	for _, addr := range []string{"nonsense", "127.0.0.1:-1", "127.0.0.1:99999", "quic://127.0.0.1:0"} {
		l, err := shared().Listen(t.Context(), addr)
		if err == nil {
			l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), addr) {
			t.Errorf("Listen %q: got %v, want an error that names it", addr, err)
		}
	}
}

// Both ends use the smaller number of streams.
func TestStreamsAreAgreedUpon(t *testing.T) {
	few, many := quick, quick
	few.Streams, many.Streams = 2, 64
	for _, c := range []struct{ listens, dials Options }{{few, many}, {many, few}} {
		l := listen(t, like(c.listens))
		dialled, err := dial(t, like(c.dials), l.Addr())
		if err != nil {
			t.Fatal(err)
		}
		accepted := accept(t, l)
		if dialled.Streams() != 2 || accepted.Streams() != 2 {
			t.Errorf("got %d and %d streams, want 2", dialled.Streams(), accepted.Streams())
		}
		send(t, dialled.Stream(1), "on the last stream")
		wantRecv(t, accepted.Stream(1), "on the last stream")
		closeBoth(dialled, accepted)
	}
}

package main

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/internal/certs"
)

// authority is one whose certificates are in files.
type authority struct {
	*certs.Authority
	t       *testing.T
	dir, ca string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a, err := certs.NewAuthority("mesh", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return &authority{a, t, dir, writeTo(t, dir, "ca.pem", a.Cert)}
}

func writeTo(t *testing.T, dir, name string, text []byte) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// issue writes a certificate for this machine and returns the flags for it, and it.
func (a *authority) issue() (flags []string, pair tls.Certificate) {
	a.t.Helper()
	issued, err := a.Issue(time.Hour, "localhost", "127.0.0.1")
	if err == nil {
		pair, err = issued.TLS()
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return []string{
		"--tls-cert", writeTo(a.t, a.dir, "node.pem", issued.Cert), "--tls-key", writeTo(a.t, a.dir, "node-key.pem", issued.Key), "--tls-ca", a.ca,
	}, pair
}

// asks returns the status of an operator's request.
func (a *authority) asks(url, token string, show ...tls.Certificate) int {
	a.t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.Pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if len(show) == 0 {
			return &tls.Certificate{}, nil
		}
		return &show[0], nil
	}}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := (&http.Client{Transport: transport, Timeout: patience}).Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// secured are the commands that serve operators over TLS, and what is asked there.
var secured = map[string]struct {
	args []string
	path string
}{
	"node":      {[]string{"node", "--port", "0", "--mesh-listen", "127.0.0.1:0", "--transport", "wss", "--peers", "wss://127.0.0.1:1"}, "/api/v1/node"},
	"discovery": {[]string{"discovery", "--host", "127.0.0.1", "--port", "0"}, "/api/v1/servers"},
}

// startSecured runs one of them, and returns where operators are served.
func startSecured(t *testing.T, name string, flags ...string) (url string) {
	t.Helper()
	args := append(secured[name].args, "--ops-listen", "127.0.0.1:0", "--log-level", "error")
	out, _ := background(t, append(args, flags...)...)
	return "https://" + after(out.find("operators "), "https://")
}

// TestOperatorsCertificates: where servers show each other certificates, operators do
// too: one by the same authority lets them in, on a port with TLS.
func TestOperatorsCertificates(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	flags, right := ours.issue()
	_, wrong := theirs.issue()
	for name, c := range secured {
		url := startSecured(t, name, flags...)
		for who, want := range map[string]struct {
			show   []tls.Certificate
			status int
		}{
			"by the authority": {[]tls.Certificate{right}, http.StatusOK},
			"none":             {nil, http.StatusUnauthorized},
			"by another":       {[]tls.Certificate{wrong}, http.StatusUnauthorized},
		} {
			for _, path := range []string{c.path, "/metrics"} {
				if status := ours.asks(url+path, "", want.show...); status != want.status {
					t.Errorf("%s: %s with a certificate %s: %d, want %d", name, path, who, status, want.status)
				}
			}
			if status := ours.asks(url+"/healthz", "", want.show...); status != http.StatusOK {
				t.Errorf("%s: /healthz with a certificate %s: %d", name, who, status)
			}
		}
		if status := ours.asks(url+c.path, "token"); status != http.StatusUnauthorized {
			t.Errorf("%s: with a token where there is none: %d", name, status)
		}
		for _, url := range []string{url, strings.Replace(url, "https", "http", 1)} { // as of an image's health check
			var out, errOut bytes.Buffer
			if code := run(t.Context(), append([]string{"health", "--live", "--url", url, "--timeout", "1m"}, flags...), &out, &errOut); code != exitOK {
				t.Errorf("%s: mesh health --url %s: %d %s", name, url, code, errOut.String())
			}
		}
	}
	// The commands show certificates, too.
	url := startSecured(t, "node", flags...)
	theirFlags, _ := theirs.issue()
	for _, c := range []struct {
		flags []string
		code  int
		want  string
	}{
		{flags, exitOK, ""},
		{[]string{"--tls-ca", ours.ca}, exitFailed, "--tls-cert"},
		{append(theirFlags[:4:4], "--tls-ca", ours.ca), exitFailed, "certificate: "},
	} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), append([]string{"rooms", "--url", url}, c.flags...), &out, &errOut); code != c.code || !strings.Contains(errOut.String(), c.want) {
			t.Errorf("mesh rooms %q: exit code %d, want %d and %q: %s", c.flags, code, c.code, c.want, errOut.String())
		}
	}
}

// TestOperatorsTokenFile: the tokens that let servers in let operators in, as the file has
// them now; and a certificate does without one.
func TestOperatorsTokenFile(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	flags, certificate := a.issue()
	path := filepath.Join(a.dir, "token")
	for name, c := range secured {
		writeTo(t, a.dir, "token", []byte("first\n"))
		url := startSecured(t, name, append(flags, "--auth-token-file", path)...) + c.path
		for i, now := range []string{"first\n", "second-token\nfirst\n", "the-third\n"} {
			writeTo(t, a.dir, "token", []byte(now))
			for _, token := range []string{"first", "second-token", "the-third", "wrong"} {
				if in := strings.Contains(now, token); (a.asks(url, token) == http.StatusOK) != in {
					t.Errorf("%s: with the token %s and file %d: let in is %t, want %t", name, token, i, !in, in)
				}
			}
		}
		if status := a.asks(url, "", certificate); status != http.StatusOK {
			t.Errorf("%s: with a certificate: %d", name, status)
		}
	}
}

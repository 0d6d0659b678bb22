package opshttp

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/internal/certs"
)

// net/http stays for half a second with a client whose header was too large.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

func listen(t *testing.T, handler http.HandlerFunc, secure *tls.Config) *Server {
	t.Helper()
	s, err := Listen(t.Context(), "127.0.0.1:0", handler, secure, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// get sends a request on a connection of its own.
func get(t *testing.T, url string, client *tls.Config, header ...string) (status int, body string, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range header {
		r.Header.Add("X-Header", value)
	}
	transport := &http.Transport{TLSClientConfig: client}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

func TestListen(t *testing.T) {
	s := listen(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }, nil)
	if status, body, err := get(t, "http://"+s.Addr(), nil); status != http.StatusOK || body != "hello" || err != nil {
		t.Errorf("%d %q %v", status, body, err)
	}
	if status, _, err := get(t, "http://"+s.Addr(), nil, strings.Repeat("x", 32<<10)); status != http.StatusRequestHeaderFieldsTooLarge || err != nil {
		t.Errorf("a header of 32 KiB: %d %v", status, err)
	}
	if o, err := Listen(t.Context(), s.Addr(), http.NotFoundHandler(), nil, slog.Default()); err == nil || !strings.Contains(err.Error(), "operators on "+s.Addr()) {
		t.Errorf("a port that is taken: %v %v", o, err)
	}
	s.Close()
	if _, _, err := get(t, "http://"+s.Addr(), nil); err == nil {
		t.Error("it serves when it is closed")
	}
}

// TestShutdownWaitsForRequests: the answer of a request under way arrives, and one that
// takes too long is cut.
func TestShutdownWaitsForRequests(t *testing.T) {
	for _, patient := range []bool{true, false} {
		begun, proceed := make(chan struct{}), make(chan struct{})
		s := listen(t, func(w http.ResponseWriter, r *http.Request) {
			close(begun)
			select {
			case <-proceed:
			case <-r.Context().Done():
			}
		}, nil)
		answered := make(chan error, 1)
		go func() {
			_, _, err := get(t, "http://"+s.Addr(), nil)
			answered <- err
		}()
		<-begun
		ctx, cancel := context.WithCancel(t.Context())
		down := make(chan struct{})
		go func() {
			defer close(down)
			s.Shutdown(ctx)
		}()
		for { // until it does not listen any more
			c, err := net.Dial("tcp", s.Addr())
			if err != nil {
				break
			}
			c.Close()
		}
		select {
		case <-down:
			t.Error("it did not wait for the request")
		default:
		}
		if patient {
			close(proceed)
		} else {
			cancel()
		}
		<-down
		cancel()
		if err := <-answered; (err == nil) != patient {
			t.Errorf("patient %t: answered with %v", patient, err)
		}
	}
}

// TestTLS: clients with and without a certificate get to the handler, which sees it.
func TestTLS(t *testing.T) {
	authority, err := certs.NewAuthority("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Issue(time.Hour, "localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	links := &tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: authority.Pool(), RootCAs: authority.Pool(), ServerName: "localhost"}
	later := links.Clone()
	later.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return links, nil }
	for name, secure := range map[string]*tls.Config{"fixed": links, "chosen for each client": later} {
		s := listen(t, func(w http.ResponseWriter, r *http.Request) {
			for _, c := range r.TLS.PeerCertificates {
				io.WriteString(w, c.Issuer.CommonName)
			}
		}, secure)
		client := &tls.Config{RootCAs: authority.Pool()}
		if status, body, err := get(t, "https://"+s.Addr(), client); status != http.StatusOK || body != "" || err != nil {
			t.Errorf("%s: without a certificate: %d %q %v", name, status, body, err)
		}
		client.Certificates = links.Certificates
		if status, body, err := get(t, "https://"+s.Addr(), client); status != http.StatusOK || body != "test" || err != nil {
			t.Errorf("%s: with one: %d %q %v", name, status, body, err)
		}
	}
}

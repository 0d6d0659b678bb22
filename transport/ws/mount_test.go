package ws

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/loopback"
	"github.com/socketmesh/mesh/transport/transporttest"
)

// application is a transport for the suite of the contract. Each of its listeners is
// mounted on an HTTP server that serves other things too.
type application struct {
	options Options
	tls     *tls.Config // of the server
}

func (application) Name() string { return "ws" }

func (application) Dial(context.Context, string) (core.Conn, error) { panic("not asked for") }

func (a application) Listen(ctx context.Context, addr string) (core.Listener, error) {
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if a.tls != nil {
		socket = tls.NewListener(socket, a.tls)
	}
	transport := New(a.options)
	l, err := transport.Listen(ctx, HandlerAddr)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/mesh", wrapped(transport.Handler()))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "the application") })
	s := &appListener{Listener: l, socket: socket, server: &http.Server{Handler: mux}}
	s.serving.Go(func() { s.server.Serve(socket) })
	return s, nil
}

// wrapped puts a wrapper around the ResponseWriter, as logging and the like do.
func wrapped(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(unwrapper{w}, r) })
}

type unwrapper struct{ inner http.ResponseWriter }

func (u unwrapper) Header() http.Header         { return u.inner.Header() }
func (u unwrapper) Write(b []byte) (int, error) { return u.inner.Write(b) }
func (u unwrapper) WriteHeader(status int)      { u.inner.WriteHeader(status) }
func (u unwrapper) Unwrap() http.ResponseWriter { return u.inner }

type appListener struct {
	core.Listener
	socket  net.Listener
	server  *http.Server
	serving sync.WaitGroup
}

func (l *appListener) Addr() string { return l.socket.Addr().String() }

func (l *appListener) Close() error {
	l.Listener.Close()
	l.server.Close()
	l.serving.Wait()
	return nil
}

// The contract holds through a handler of an application, without TLS and with it.
func TestConformanceMounted(t *testing.T) {
	config := mutual(t, issue(t, "127.0.0.1"))
	asking := &tls.Config{Certificates: config.Certificates, ClientAuth: tls.RequestClientCert, NextProtos: []string{"h2", "http/1.1"}}
	for scheme, c := range map[string]struct{ server, node *tls.Config }{"ws": {nil, nil}, "wss": {asking, config}} {
		t.Run(scheme, func(t *testing.T) {
			transporttest.Run(t, func(t *testing.T) transporttest.Fixture {
				options := Options{MaxFrame: 2 << 20, CloseTimeout: 300 * time.Millisecond, TLS: c.node}
				return transporttest.Fixture{
					Transport: application{options, c.server},
					Dialler:   New(options),
					Listen:    "127.0.0.1:0",
					Address:   func(l core.Listener) string { return scheme + "://" + l.Addr() + "/mesh" },
					Nowhere:   scheme + "://" + loopback.FreeAddress(t) + "/mesh",
					MaxFrame:  2 << 20,
				}
			})
		})
	}
}

// mount serves a transport's handler, and listens behind it.
func mount(t *testing.T, config *tls.Config, o Options) *appListener {
	t.Helper()
	l, err := application{o, config}.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*appListener)
}

// Links go on when the application's server is shut down, and when the listener is
// closed.
func TestServerShutdownLeavesLinksAlone(t *testing.T) {
	l := mount(t, nil, quick)
	dialled, err := dial(t, "ws://"+l.Addr()+"/mesh")
	if err != nil {
		t.Fatal(err)
	}
	accepted := accept(t, l)
	if err := l.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	echo(t, dialled, accepted)
	l.Listener.Close()
	echo(t, dialled, accepted)
	closeBoth(dialled, accepted)
}

func TestHandlerWithoutListener(t *testing.T) {
	l := mount(t, nil, quick)
	l.Listener.Close()
	if _, err := dial(t, "ws://"+l.Addr()+"/mesh"); err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "no listener is open") {
		t.Errorf("Dial: got %v", err)
	}
	if _, err := dial(t, "ws://"+l.Addr()+"/elsewhere"); err == nil || !strings.Contains(err.Error(), `"200 OK", "the application"`) {
		t.Errorf("Dial elsewhere: got %v", err)
	}
}

// A handler has one listener at a time.
func TestListenAtHandlerTwice(t *testing.T) {
	transport := New(quick)
	for range 2 {
		l, err := transport.Listen(t.Context(), HandlerAddr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := transport.Listen(t.Context(), HandlerAddr); err == nil || !strings.Contains(err.Error(), HandlerAddr) {
			t.Errorf("second Listen: %v", err)
		}
		l.Close()
	}
}

// With ClientCAs, the handler looks at the certificates that the application's
// server has asked for.
func TestMountedMutualTLS(t *testing.T) {
	ours, foreign := authorities()
	own := mutual(t, issue(t, "127.0.0.1"))
	own.ServerName = meshName
	server := func(auth tls.ClientAuthType) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{issue(t, "127.0.0.1", meshName)}, ClientAuth: auth}
	}
	expired := certificate(t)(ours.IssueBetween(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour), meshName))
	stranger := certificate(t)(foreign.Issue(time.Hour, meshName))
	chosen := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return own, nil }}
	for name, c := range map[string]struct {
		server, node *tls.Config
		dialler      tls.Certificate
		good         bool
	}{
		"good":              {server(tls.RequestClientCert), own, issue(t, meshName), true},
		"good, chosen":      {server(tls.RequestClientCert), chosen, issue(t, meshName), true},
		"another name":      {server(tls.RequestClientCert), own, issue(t, "elsewhere"), false},
		"chosen, not named": {server(tls.RequestClientCert), chosen, issue(t, "elsewhere"), false},
		"expired":           {server(tls.RequestClientCert), own, expired, false},
		"foreign":           {server(tls.RequestClientCert), own, stranger, false},
		"not asked for":     {server(tls.NoClientCert), own, issue(t, meshName), false},
		"none needed":       {server(tls.NoClientCert), &tls.Config{RootCAs: pool()}, tls.Certificate{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := mount(t, c.server, secured(c.node))
			refused := make(chan error, 1)
			l.Listener.(core.RefusalNotifier).OnRefuse(func(_ string, why error) { refused <- why })
			dialler := New(secured(&tls.Config{Certificates: []tls.Certificate{c.dialler}, RootCAs: pool()}))
			conn, err := dialler.Dial(t.Context(), "wss://"+l.Addr()+"/mesh")
			if c.good {
				if err != nil {
					t.Fatal(err)
				}
				accepted := accept(t, l)
				echo(t, conn, accepted)
				closeBoth(conn, accepted)
				return
			}
			if err == nil || !strings.Contains(err.Error(), "403") {
				t.Fatalf("Dial: got %v", err)
			}
			if why := <-refused; !errors.Is(why, core.ErrUnauthorized) {
				t.Errorf("refused with %v", why)
			}
		})
	}
}

// A handler that requires certificates refuses connections without TLS.
func TestMountedWithoutTLS(t *testing.T) {
	l := mount(t, nil, secured(mutual(t, issue(t, "127.0.0.1"))))
	if _, err := dial(t, "ws://"+l.Addr()+"/mesh"); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("Dial: got %v", err)
	}
}

// A request by HTTP/2 is refused: it cannot become a WebSocket here.
func TestMountedHTTP2(t *testing.T) {
	transport := New(quick)
	l, err := transport.Listen(t.Context(), HandlerAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	server := &http.Server{Handler: transport.Handler(), Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(socket) })
	defer serving.Wait()
	defer server.Close()
	client := &http.Transport{Protocols: new(http.Protocols)}
	client.Protocols.SetUnencryptedHTTP2(true)
	defer client.CloseIdleConnections()
	request, _ := http.NewRequest(http.MethodGet, "http://"+socket.Addr().String(), nil)
	response, err := client.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	line, _ := bufio.NewReader(response.Body).ReadString('\n')
	if response.ProtoMajor != 2 || response.StatusCode != http.StatusHTTPVersionNotSupported || !strings.Contains(line, "HTTP/1.1") {
		t.Errorf("got %s %s, %q", response.Proto, response.Status, line)
	}
}

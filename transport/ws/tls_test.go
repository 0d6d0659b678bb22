package ws

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/loopback"
	"github.com/socketmesh/mesh/internal/peertls"
)

// node dials and listens with the same options.
func node(t *testing.T, config *tls.Config) *Transport {
	t.Helper()
	return New(secured(config))
}

// link dials a listener of one transport with another one, and sends a frame, after
// which the acceptor has accepted or refused.
func link(t *testing.T, dialler, acceptor *Transport) (refused, failed error) {
	t.Helper()
	l, err := acceptor.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	refusals := make(chan error, 1)
	l.(core.RefusalNotifier).OnRefuse(func(_ string, why error) {
		select {
		case refusals <- why:
		default:
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := dialler.Dial(ctx, l.Addr())
	if err != nil {
		select {
		case why := <-refusals:
			return why, err
		case <-ctx.Done():
			t.Errorf("the acceptor does not tell of a dial that fails with: %v", err)
			return nil, err
		}
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	echo(t, c, accepted)
	closeBoth(c, accepted)
	return nil, nil
}

func echo(t *testing.T, a, b core.Conn) {
	t.Helper()
	for _, way := range [][2]core.Conn{{a, b}, {b, a}} {
		if err := way[0].Send(t.Context(), [][]byte{[]byte("hello")}); err != nil {
			t.Fatal(err)
		}
		wantRecv(t, way[1], "hello")
	}
}

func closeBoth(a, b core.Conn) {
	var closing sync.WaitGroup
	closing.Go(func() { a.Close(core.CloseShutdown) })
	closing.Go(func() { b.Close(core.CloseShutdown) })
	closing.Wait()
}

func TestMutualTLS(t *testing.T) {
	ours, foreign := authorities()
	good := mutual(t, issue(t, "127.0.0.1"))
	named := func(names ...string) *tls.Config {
		c := mutual(t, issue(t, names...))
		c.ServerName = meshName
		return c
	}
	expired := certificate(t)(ours.IssueBetween(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour), "127.0.0.1", meshName))
	early := certificate(t)(ours.IssueBetween(time.Now().Add(time.Hour), time.Now().Add(2*time.Hour), "127.0.0.1", meshName))
	stranger := certificate(t)(foreign.Issue(time.Hour, "127.0.0.1", meshName))
	for name, c := range map[string]struct {
		dialler, acceptor *tls.Config
		dialError         string // "" if they get on
	}{
		"same authority":                 {good, good, ""},
		"any name of a dialler":          {mutual(t, issue(t, "elsewhere")), good, ""},
		"the mesh's name at both ends":   {named(meshName), named(meshName), ""},
		"acceptor of another name":       {good, mutual(t, issue(t, "elsewhere")), "cannot validate certificate for 127.0.0.1"},
		"acceptor without the mesh name": {named(meshName), mutual(t, issue(t, "127.0.0.1")), "wanted to match " + meshName},
		"dialler without the mesh name":  {named("elsewhere"), named(meshName), "bad certificate"},
		"dialler's certificate expired":  {mutual(t, expired), good, "expired"},
		"dialler's not valid yet":        {mutual(t, early), good, "refused by the acceptor"},
		"dialler of a foreign authority": {mutual(t, stranger), good, "refused by the acceptor"},
		"dialler without a certificate":  {&tls.Config{RootCAs: pool()}, good, "certificate required"},
		"acceptor's certificate expired": {good, mutual(t, expired), "expired"},
		"acceptor's not valid yet":       {good, mutual(t, early), "not yet valid"},
		"acceptor of a foreign one":      {good, mutual(t, stranger), "unknown authority"},
		"dialler trusts the system only": {&tls.Config{Certificates: good.Certificates}, good, "unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			dialler := New(Options{TLS: c.dialler, CloseTimeout: quick.CloseTimeout, Secure: true})
			refused, failed := link(t, dialler, node(t, c.acceptor))
			if c.dialError == "" {
				if failed != nil {
					t.Errorf("Dial: %v", failed)
				}
				return
			}
			if !errors.Is(failed, core.ErrUnauthorized) || !strings.Contains(failed.Error(), c.dialError) {
				t.Errorf("Dial: got %v, want core.ErrUnauthorized and %q", failed, c.dialError)
			}
			if !errors.Is(refused, core.ErrUnauthorized) {
				t.Errorf("refused with %v, want core.ErrUnauthorized", refused)
			}
		})
	}
}

// Without ClientCAs, diallers need no certificate.
func TestOneSidedTLS(t *testing.T) {
	acceptor := node(t, &tls.Config{Certificates: []tls.Certificate{issue(t, "127.0.0.1")}})
	dialler := New(Options{TLS: &tls.Config{RootCAs: pool()}, Secure: true})
	if _, err := link(t, dialler, acceptor); err != nil {
		t.Error(err)
	}
}

// RootCAs is called for each dial.
func TestAuthoritiesThatChange(t *testing.T) {
	_, foreign := authorities()
	roots := foreign.Pool()
	dialler := New(Options{Secure: true, RootCAs: func() *x509.CertPool { return roots }})
	acceptor := node(t, &tls.Config{Certificates: []tls.Certificate{issue(t, "127.0.0.1")}})
	if _, err := link(t, dialler, acceptor); err == nil {
		t.Error("an authority that is not trusted will do")
	}
	roots = pool()
	if _, err := link(t, dialler, acceptor); err != nil {
		t.Errorf("after the change: %v", err)
	}
}

// With a configuration of GetConfigForClient, certificates and names of diallers are
// verified as with a fixed one.
func TestConfigChosenByHandshake(t *testing.T) {
	chosen := mutual(t, issue(t, "127.0.0.1", meshName))
	chosen.ServerName = meshName
	acceptor := node(t, &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return chosen, nil }})
	for name, c := range map[string]struct {
		config *tls.Config
		good   bool
	}{
		"good":           {mutual(t, issue(t, meshName)), true},
		"another name":   {mutual(t, issue(t, "elsewhere")), false},
		"no certificate": {&tls.Config{RootCAs: pool()}, false},
	} {
		_, err := link(t, New(Options{TLS: c.config, Secure: true}), acceptor)
		if (err == nil) != c.good {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestPlainDialAtTLSPort(t *testing.T) {
	l := listen(t, secured(mutual(t, issue(t, "127.0.0.1"))))
	refused := make(chan error, 1)
	l.(core.RefusalNotifier).OnRefuse(func(_ string, why error) { refused <- why })
	_, err := dial(t, "ws://"+l.Addr())
	if err == nil || !strings.Contains(err.Error(), "this port speaks TLS") {
		t.Errorf("Dial: got %v", err)
	}
	if why := <-refused; !errors.Is(why, peertls.ErrPlain) || !errors.Is(why, core.ErrMalformed) {
		t.Errorf("refused with %v", why)
	}
}

func TestTLSDialAtPlainPort(t *testing.T) {
	l := listen(t, quick)
	refused := make(chan error, 1)
	l.(core.RefusalNotifier).OnRefuse(func(_ string, why error) { refused <- why })
	_, err := dial(t, "wss://"+l.Addr())
	if err == nil || !strings.Contains(err.Error(), "the acceptor does not speak TLS") {
		t.Errorf("Dial: got %v", err)
	}
	if why := <-refused; !errors.Is(why, peertls.ErrTLS) || !errors.Is(why, core.ErrMalformed) {
		t.Errorf("refused with %v", why)
	}
	wantWorks(t, l)
}

// A listener with TLS goes on after bytes that are not TLS.
func TestGarbageAtTLSPort(t *testing.T) {
	config := mutual(t, issue(t, "127.0.0.1"))
	l := listen(t, secured(config))
	var mu sync.Mutex
	var refusals []error
	l.(core.RefusalNotifier).OnRefuse(func(_ string, why error) {
		mu.Lock()
		defer mu.Unlock()
		refusals = append(refusals, why)
	})
	for _, bytes := range []string{
		"", "\x16", "\x16\x03\x01", "\x16\x03\x01\xff\xff\x01", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "\x00\x01\x02\x03\x04\x05",
		strings.Repeat("\xff", 100_000), "\x15\x03\x01\x00\x02\x02\x28", upgrade,
	} {
		c := raw(t, l.Addr(), bytes)
		c.(*net.TCPConn).CloseWrite()
		if _, err := io.Copy(io.Discard, c); errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%.20q: not hung up on", bytes)
		}
		c.Close()
	}
	mu.Lock()
	if len(refusals) < 4 {
		t.Errorf("refusals: %v", refusals)
	}
	mu.Unlock()
	dialled, err := node(t, config).Dial(t.Context(), l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	accepted := accept(t, l)
	echo(t, dialled, accepted)
	closeBoth(dialled, accepted)
}

// A dialler that is refused may still be writing. Its connection is not reset, because
// the refusal could be lost then.
func TestRefusedDiallerIsHeardOut(t *testing.T) {
	l := listen(t, Options{TLS: mutual(t, issue(t, "127.0.0.1")), CloseTimeout: patience})
	c, err := tls.Dial("tcp", l.Addr(), &tls.Config{RootCAs: pool()}) // shows no certificate
	if err != nil {
		t.Fatal(err)
	}
	defer c.NetConn().Close()
	if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Fatalf("the verdict is %v", err)
	}
	for range 10 {
		if _, err := io.WriteString(c.NetConn(), "more"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.NetConn().Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("got %v, want EOF", err)
		}
	}
}

// Connections that do not finish the TLS handshake are dropped in time.
func TestSilentTLSConnectionsAreDropped(t *testing.T) {
	config := mutual(t, issue(t, "127.0.0.1"))
	l := listen(t, Options{TLS: config, HandshakeTimeout: 3 * time.Second, CloseTimeout: 50 * time.Millisecond}) // a busy machine has to shake hands in it
	var silent []net.Conn
	for i := range 100 {
		silent = append(silent, raw(t, l.Addr(), []string{"", "\x16\x03\x01\x02\x00\x01\x00"}[i%2]))
	}
	for _, c := range silent {
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a silent connection is not dropped")
		}
	}
	dialled, err := node(t, config).Dial(t.Context(), l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	accepted := accept(t, l)
	echo(t, dialled, accepted)
	closeBoth(dialled, accepted)
}

// HTTP/2 is not offered, whoever asks for it.
func TestNoHTTP2(t *testing.T) {
	config := &tls.Config{Certificates: []tls.Certificate{issue(t, "127.0.0.1")}, NextProtos: []string{"h2"}}
	l := listen(t, secured(config))
	c, err := tls.Dial("tcp", l.Addr(), &tls.Config{RootCAs: pool(), NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("negotiated %q", got)
	}
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if response, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || response.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("got %v, %v", response, err)
	}
	if _, err := tls.Dial("tcp", l.Addr(), &tls.Config{RootCAs: pool(), NextProtos: []string{"h2"}}); err == nil {
		t.Error("HTTP/2 alone will do")
	}
}

func TestSecureRefusesPlainAddresses(t *testing.T) {
	open := New(Options{Secure: true})
	if open.Name() != "wss" || New(Options{}).Name() != "ws" {
		t.Error("names are wrong")
	}
	if l, err := open.Listen(t.Context(), "127.0.0.1:0"); err == nil {
		l.Close()
		t.Error("listens without a certificate")
	} else if bad, ok := errors.AsType[*core.ConfigError](err); !ok || bad.Field != "TLS" {
		t.Errorf("Listen: got %v", err)
	}
	if _, err := open.Dial(t.Context(), "ws://"+loopback.FreeAddress(t)); err == nil || !strings.Contains(err.Error(), `scheme "ws" is not one of wss`) {
		t.Errorf("Dial: got %v", err)
	}
}

// All frames of a Send make one write to TLS, and with large payloads no record
// is made of a header alone.
func TestBatchIsOneTLSWrite(t *testing.T) {
	for _, c := range []struct {
		sizes  []int
		writes int
	}{
		{[]int{100, 100, 100}, 1}, {[]int{4096, 4096}, 1}, {[]int{direct}, 1}, {[]int{100, direct + 1}, 1},
		{[]int{100_000}, 1}, {[]int{200_000}, 2}, {[]int{1 << 20}, 2}, {[]int{100, 1 << 20, 100}, 4},
	} {
		out := &script{}
		w := writer{socket: out}
		payloads := make([][]byte, len(c.sizes))
		for i, size := range c.sizes {
			payloads[i] = make([]byte, size)
		}
		if err := w.messages(payloads); err != nil {
			t.Fatal(err)
		}
		if len(out.writes) != c.writes {
			t.Errorf("frames of %v bytes: %d writes, want %d", c.sizes, len(out.writes), c.writes)
		}
		for _, write := range out.writes {
			if len(write) < 50 {
				t.Errorf("frames of %v bytes: a write of %d bytes", c.sizes, len(write))
			}
		}
	}
}

// tls.Conn takes five seconds to close towards a peer that reads nothing; a Conn does not.
func TestTLSCloseIsBounded(t *testing.T) {
	l := listen(t, Options{TLS: &tls.Config{Certificates: []tls.Certificate{issue(t, "127.0.0.1")}}, CloseTimeout: 500 * time.Millisecond})
	dialler := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: pool()}}
	tooMuch := slices.Repeat([][]byte{make([]byte, 1<<20)}, 256) // for the system's buffers
	for name, closes := range map[string]func(core.Conn, context.CancelFunc){
		"by Send":  func(_ core.Conn, cancel context.CancelFunc) { time.AfterFunc(500*time.Millisecond, cancel) },
		"by Close": func(c core.Conn, _ context.CancelFunc) { c.Close(core.CloseSlowPeer) },
	} {
		t.Run(name, func(t *testing.T) {
			close := func() time.Duration {
				c, _, err := dialler.Dial("wss://"+l.Addr(), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				accepted := accept(t, l)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				sent := make(chan error, 1)
				go func() { sent <- accepted.Send(ctx, tooMuch) }()
				c.NetConn().(*tls.Conn).NetConn().Read(make([]byte, 1)) // it is under way
				began := time.Now()
				closes(accepted, cancel)
				<-sent
				accepted.Close(core.CloseSlowPeer)
				return time.Since(began)
			}
			// A machine that stands still for seconds does not do so each time.
			took := close()
			for tries := 1; took > 4*time.Second && tries < 5; tries++ {
				took = close()
			}
			if took > 4*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

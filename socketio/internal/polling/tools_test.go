package polling

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/config"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// host is an engine of the library with this package's transport, in a bubble.
type host struct {
	engine.Server
	t *testing.T

	mu     sync.Mutex
	events []string // what the engine's listeners are told
}

// inBubble runs a test with a host.
func inBubble(t *testing.T, configure func(*config.ServerOptions), test func(h *host)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		env := &Env{PingDelay: 100 * time.Millisecond}
		options := config.DefaultServerOptions()
		options.SetMaxHttpBufferSize(1000)
		options.SetAllowEIO3(true)
		options.SetTransports(types.NewSet[engine.TransportCtor](&Builder{TransportCtor: engine.Polling, Env: func() *Env { return env }}))
		if configure != nil {
			configure(options)
		}
		h := &host{Server: engine.NewServer(options), t: t}
		env.Engine = h.Server
		_ = h.On("connection_error", func(args ...any) {
			e := args[0].(*types.ErrorMessage)
			h.note("connection_error %d %v %v", e.Code, e.Context["name"], e.Context["error"])
		})
		defer func() {
			h.Server.Close()
			synctest.Wait()
		}()
		test(h)
	})
}

func (h *host) note(format string, values ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, fmt.Sprintf(format, values...))
}

// noted is what was noted since the last call.
func (h *host) noted() string {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	all := strings.Join(h.events, "; ")
	h.events = nil
	return all
}

// exchange is a request and its answer.
type exchange struct {
	*httptest.ResponseRecorder
	cancel context.CancelFunc
	done   chan struct{} // closed when the handler has returned

	mu      sync.Mutex
	written func() // called when the answer is at the client, before the handler knows
	past    chan struct{}
}

// SetReadDeadline is what http.ResponseController looks for.
func (x *exchange) SetReadDeadline(time.Time) error {
	close(x.past)
	return nil
}

func (x *exchange) Write(b []byte) (int, error) {
	n, err := x.ResponseRecorder.Write(b)
	x.mu.Lock()
	written := x.written
	x.mu.Unlock()
	if written != nil {
		written()
	}
	return n, err
}

// answer is the answer's status and body; "" while there is none.
func (x *exchange) answer() string {
	synctest.Wait()
	select {
	case <-x.done:
		return fmt.Sprintf("%d %s", x.Code, x.Body)
	default:
		return ""
	}
}

// request begins a request.
func (h *host) request(method, query string, body io.Reader, header ...string) *exchange {
	ctx, cancel := context.WithCancel(h.t.Context())
	x := &exchange{ResponseRecorder: httptest.NewRecorder(), cancel: cancel, done: make(chan struct{}), past: make(chan struct{})}
	r := httptest.NewRequestWithContext(ctx, method, "/?transport=polling&"+query, body)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	go func() {
		defer close(x.done)
		defer cancel() // as net/http does
		h.ServeHTTP(x, r)
	}()
	return x
}

// session is a client of the host, and its engine socket.
type session struct {
	*host
	engine.Socket
	query string
}

// connect has a client begin.
func (h *host) connect(query string) *session {
	h.t.Helper()
	sockets := make(chan engine.Socket, 1)
	_ = h.Once("connection", func(args ...any) {
		s := args[0].(engine.Socket)
		_ = s.On("close", func(args ...any) { h.note("close %v, %v", args[0], args[1]) })
		_ = s.On("data", func(args ...any) { h.note("data %v", args[0]) })
		sockets <- s
	})
	answer := h.request(http.MethodGet, query, nil).answer()
	select {
	case s := <-sockets:
		return &session{h, s, query + "&sid=" + s.Id()}
	default:
		h.t.Fatalf("no client: %q", answer)
		return nil
	}
}

func (s *session) poll() *exchange { return s.request(http.MethodGet, s.query, nil) }

func (s *session) post(body string) *exchange {
	return s.request(http.MethodPost, s.query, strings.NewReader(body))
}

// say sends messages to the client.
func (s *session) say(messages ...string) {
	for _, m := range messages {
		s.Send(types.NewStringBufferString(m), nil, nil)
	}
}

// want checks an answer.
func (h *host) want(what string, x *exchange, want string) {
	h.t.Helper()
	if got := x.answer(); got != want {
		h.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// wantNoted checks what the listeners were told.
func (h *host) wantNoted(want string) {
	h.t.Helper()
	if got := h.noted(); got != want {
		h.t.Errorf("listeners heard %q, want %q", got, want)
	}
}

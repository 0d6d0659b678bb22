package ops

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/internal/loglimit"
)

// Handler serves operators' requests to one node. Close ends what these have begun.
type Handler struct {
	*base
	source Source
	view   clusterView
	watch  watch
	leases leases // the traces that other nodes read

	traceSlots chan struct{}

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup // drains that were asked for, and the gatherer for admin pages
}

var _ http.Handler = (*Handler)(nil)

// NewHandler returns the handler of a node. o must be valid, see [Options.Validate].
func NewHandler(source Source, o Options) *Handler {
	h := &Handler{base: newBase(o), source: source, traceSlots: make(chan struct{}, maxTraceStreams)}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.watch.h = h
	h.health(h.checksNow, source.ID())
	h.query("GET /api/v1/node", h.serveNode)
	h.query("GET /api/v1/cluster", h.serveCluster)
	h.query("GET /api/v1/rooms", h.serveRooms)
	h.query("GET /api/v1/sockets", h.serveSockets)
	h.serve("GET /api/v1/watch", h.sameSite(h.protect(http.HandlerFunc(h.serveWatch))))
	h.query("GET /api/v1/explain", h.serveExplain)
	h.serve("GET /api/v1/trace", h.sameSite(h.protect(http.HandlerFunc(h.serveTrace))))
	h.action("POST /api/v1/emit", h.serveEmit)
	h.action("POST /api/v1/drain", h.serveDrain)
	h.servePage()
	h.index("a server of a mesh")
	return h
}

// Close ends what requests have begun, and waits until it has ended. Later requests are
// still answered.
func (h *Handler) Close() {
	h.watch.close()
	h.cancel()
	h.leases.close()
	h.work.Wait()
}

// The limits of what requests can make a node do.
const (
	maxAtOnce = 16               // requests to the API, including the writing of their answers
	maxBody   = 1 << 20          // bytes of a POST
	maxQuery  = 8 << 10          // bytes of a URL's query
	writeTime = 30 * time.Second // the time to write an answer
)

// base is common to the handlers of nodes and of discovery services.
type base struct {
	o       Options
	mux     *http.ServeMux
	foreign *http.CrossOriginProtection
	slots   chan struct{}
	logs    *loglimit.Limiter
	routes  []string // patterns of the mux

	refused, busy atomic.Uint64
}

func newBase(o Options) *base {
	b := &base{
		o:       o.withDefaults(),
		mux:     http.NewServeMux(),
		foreign: http.NewCrossOriginProtection(),
		slots:   make(chan struct{}, maxAtOnce),
		logs:    &loglimit.Limiter{},
	}
	b.serve("GET /metrics", b.protect(b.metrics()))
	if o.Pprof {
		b.serve("GET /debug/pprof/", b.protect(http.HandlerFunc(servePprof)))
	}
	return b
}

// ServeHTTP answers a request. The client has to read the answer within writeTime.
func (b *base) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	// Not every ResponseWriter supports this; then the server's own timeout applies.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	if len(r.URL.RawQuery) > maxQuery {
		fail(w, http.StatusRequestURITooLong, errors.New("the query is too long"))
		return
	}
	b.mux.ServeHTTP(w, r)
}

// Refused returns the number of requests without a valid token or certificate.
func (b *base) Refused() uint64 { return b.refused.Load() }

// serve adds a route.
func (b *base) serve(pattern string, h http.Handler) {
	b.routes = append(b.routes, pattern)
	b.mux.Handle(pattern, h)
}

// index serves the list of routes at /, and answers unknown paths of the API with what this
// is.
func (b *base) index(what string) {
	page := slices.Contains(b.routes, "GET "+pagePath)
	text := "operators' port of " + what + ":\n\n" + strings.Join(b.routes, "\n") + "\n"
	b.open("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if page && strings.Contains(r.Header.Get("Accept"), "text/html") {
			http.Redirect(w, r, pagePath, http.StatusFound) // for a browser
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, text)
	})
	b.mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusNotFound
		for _, route := range b.routes {
			if method, path, _ := strings.Cut(route, " "); path == r.URL.Path {
				w.Header().Set("Allow", method)
				status = http.StatusMethodNotAllowed
			}
		}
		fail(w, status, fmt.Errorf("there is no %s %.64q at the operators' port of %s; / lists what there is", r.Method, r.URL.Path, what))
	})
}

// open adds a route that needs neither token nor certificate, unless the options protect
// all.
func (b *base) open(pattern string, h http.HandlerFunc) {
	if b.o.ProtectHealth {
		b.serve(pattern, b.protect(h))
		return
	}
	b.serve(pattern, h)
}

// metrics returns the handler of /metrics.
func (b *base) metrics() http.Handler {
	if b.o.Metrics != nil {
		return b.o.Metrics
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no metrics here: this program does not have the package github.com/socketmesh/mesh/ops/metrics.\n"+
			"Add it with mesh.WithMetrics(metrics.Handler).", http.StatusNotFound)
	})
}

// protect serves only requests that are authorised.
func (b *base) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := b.authorise(r); why != "" {
			b.refused.Add(1)
			b.logs.Log(b.o.Logger, slog.LevelWarn, "refused", "refusing an operator's request", "remote", r.RemoteAddr, "path", r.URL.Path, "error", why)
			w.Header().Set("WWW-Authenticate", `Bearer realm="mesh"`)
			fail(w, http.StatusUnauthorized, errors.New(why))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// authorise returns why a request is refused; "" if it is authorised.
func (b *base) authorise(r *http.Request) (why string) {
	if b.o.Tokens == nil && b.o.VerifyClient == nil {
		return ""
	}
	if b.o.VerifyClient != nil && r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		err := b.o.VerifyClient(r.TLS)
		if err == nil {
			return ""
		}
		why = "certificate: " + err.Error()
	}
	token, given := bearer(r)
	switch {
	case given && b.o.Tokens != nil && knows(b.o.Tokens(), token):
		return ""
	case given:
		return "wrong token"
	case why != "":
		return why
	case b.o.Tokens == nil:
		return "a client certificate is needed"
	}
	return "a token is needed, as Authorization: Bearer …"
}

func bearer(r *http.Request) (token string, given bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer")
}

// knows compares with each token in constant time, so that the time reveals nothing. It
// ignores empty tokens.
func knows(tokens []string, given string) bool {
	hash, known := sha256.Sum256([]byte(given)), 0
	for _, token := range tokens {
		other := sha256.Sum256([]byte(token))
		known |= subtle.ConstantTimeCompare(hash[:], other[:])
	}
	return known == 1 && given != ""
}

// query serves the result of get as JSON. Pages of other sites are refused.
func (b *base) query(pattern string, get func(*http.Request) (any, error)) {
	b.serve(pattern, b.sameSite(b.protect(b.limited(func(w http.ResponseWriter, r *http.Request) {
		answer, err := get(r)
		if err != nil {
			fail(w, statusOf(err), err)
			return
		}
		reply(w, http.StatusOK, answer)
	}))))
}

// action serves a request that changes something, if that is allowed. Pages of other sites
// are refused.
func (b *base) action(pattern string, do func(*http.Request) (any, error)) {
	b.serve(pattern, b.protect(b.limited(func(w http.ResponseWriter, r *http.Request) {
		if !b.o.Writable {
			fail(w, http.StatusForbidden, errReadOnly)
			return
		}
		if err := b.foreign.Check(r); err != nil {
			fail(w, http.StatusForbidden, err)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		answer, err := do(r)
		if err != nil {
			fail(w, statusOf(err), err)
			return
		}
		b.o.Logger.Info("an operator has acted", "remote", r.RemoteAddr, "path", r.URL.Path)
		reply(w, http.StatusAccepted, answer)
	})))
}

// limited limits how many requests are served at once.
func (b *base) limited(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case b.slots <- struct{}{}:
			defer func() { <-b.slots }()
		default:
			b.busy.Add(1)
			w.Header().Set("Retry-After", "1")
			fail(w, http.StatusServiceUnavailable, errors.New("too many requests at once"))
			return
		}
		next(w, r)
	})
}

// httpError is an error with its HTTP status.
type httpError struct {
	status int
	err    error
}

func (e *httpError) Error() string { return e.err.Error() }
func (e *httpError) Unwrap() error { return e.err }

func statusOf(err error) int {
	if e, ok := errors.AsType[*httpError](err); ok {
		return e.status
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

var errReadOnly = &httpError{http.StatusForbidden, errors.New("read-only: this node lets operators look and not act; OpsWritable (MESH_OPS_WRITABLE=true) allows it")}

// Failure is the body of an answer that reports an error.
type Failure struct {
	Error string `json:"error"`
}

func fail(w http.ResponseWriter, status int, err error) {
	reply(w, status, Failure{err.Error()})
}

func reply(w http.ResponseWriter, status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}

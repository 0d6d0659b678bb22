package wsaccept

import (
	"bufio"
	"net"
	"net/http"
	"sync"

	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/admission"
)

// A client's first request is kept as long as the client, because the application may ask
// for it. The memory of net/http for the response, among it two buffers of 4 KiB, is not
// needed so long: the request refers to a response that releases it, with the headers.

// leanContext returns ctx with another response. What middlewares have changed stays.
func leanContext(ctx *types.HttpContext, w *response) *types.HttpContext {
	lean := types.NewHttpContext(w, ctx.Request())
	lean.Query().Replace(ctx.Query().All())
	return lean
}

// response is a ResponseWriter until it is released.
type response struct {
	mu     sync.Mutex
	inner  http.ResponseWriter // nil once it is released
	header http.Header
	ticket *admission.Ticket // of the new client; nil once the response is released
}

var (
	_ http.ResponseWriter = (*response)(nil)
	_ http.Hijacker       = (*response)(nil)
)

func (r *response) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inner, r.header, r.ticket = nil, nil, nil
}

// Ticket returns the client's ticket.
func (r *response) Ticket() *admission.Ticket {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ticket
}

func (r *response) writer() http.ResponseWriter {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inner
}

func (r *response) Header() http.Header {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}

func (r *response) WriteHeader(status int) {
	if w := r.writer(); w != nil {
		w.WriteHeader(status)
	}
}

func (r *response) Write(b []byte) (int, error) {
	if w := r.writer(); w != nil {
		return w.Write(b)
	}
	return 0, http.ErrHijacked
}

func (r *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w := r.writer(); w != nil {
		return http.NewResponseController(w).Hijack()
	}
	return nil, nil, http.ErrHijacked
}

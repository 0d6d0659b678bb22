package acks

import (
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/socketmesh/mesh/core"
)

// LocalRequests are the requests for acknowledgements that local clients have not answered.
// The zero value is ready.
type LocalRequests struct {
	mu  sync.Mutex
	all map[*LocalRequest]struct{}
}

// LocalRequest is one event that local clients are asked to acknowledge. Their sockets keep
// its packet id until they have answered, the request times out, or Close.
type LocalRequest struct {
	owner  *LocalRequests
	id     uint64
	answer func(values []any)
	asked  int // sockets that got the event; only the asking goroutine uses it

	mu      sync.Mutex
	waiting map[*socket.Socket]struct{}
	timer   *time.Timer
}

// Begin begins a request with its own packet id. answer is called for each client that
// answers, from any goroutine.
func (l *LocalRequests) Begin(id uint64, answer func(values []any)) *LocalRequest {
	r := &LocalRequest{owner: l, id: id, answer: answer, waiting: map[*socket.Socket]struct{}{}}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[*LocalRequest]struct{}{}
	}
	l.all[r] = struct{}{}
	return r
}

// Len returns the number of requests in progress.
func (l *LocalRequests) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// Close ends all requests.
func (l *LocalRequests) Close() {
	l.mu.Lock()
	all := l.all
	l.all = nil
	l.mu.Unlock()
	for r := range all {
		r.end()
	}
}

func (l *LocalRequests) remove(r *LocalRequest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, r)
}

// Ask makes a socket wait for its client's answer. The caller sends the event next.
func (r *LocalRequest) Ask(s *socket.Socket) {
	r.asked++
	r.mu.Lock()
	r.waiting[s] = struct{}{}
	r.mu.Unlock()
	s.Acks().Store(r.id, func(values []any, _ error) { r.answered(s, values) })
}

// Withdraw undoes Ask: the event could not be sent.
func (r *LocalRequest) Withdraw(s *socket.Socket) {
	r.asked--
	s.Acks().Delete(r.id)
	r.mu.Lock()
	delete(r.waiting, s)
	r.mu.Unlock()
}

// Asked returns how many clients were asked.
func (r *LocalRequest) Asked() int { return r.asked }

// answered passes the first answer of a socket on, unless the request has ended.
func (r *LocalRequest) answered(s *socket.Socket, values []any) {
	r.mu.Lock()
	_, ok := r.waiting[s]
	delete(r.waiting, s)
	last := ok && len(r.waiting) == 0 && r.timer != nil
	r.mu.Unlock()
	if last {
		r.end()
	}
	if ok {
		r.answer(values)
	}
}

// EndAfter ends the request after a timeout; 0 means the default. It is called after all
// clients have been asked.
func (r *LocalRequest) EndAfter(timeout time.Duration) {
	if timeout <= 0 {
		timeout = core.DefaultRequestTimeout
	}
	r.mu.Lock()
	none := len(r.waiting) == 0
	if !none {
		r.timer = time.AfterFunc(timeout, r.end)
	}
	r.mu.Unlock()
	if none {
		r.end()
	}
}

// end ends the request: later answers are ignored.
func (r *LocalRequest) end() {
	r.owner.remove(r)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer != nil {
		r.timer.Stop()
	}
	for s := range r.waiting {
		s.Acks().Delete(r.id)
	}
	clear(r.waiting)
}

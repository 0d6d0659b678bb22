package cluster

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
)

// requests holds this server's requests to other servers in one namespace until they have
// ended.
type requests struct {
	// begun and done are called for every request, without a lock. What begun returns is
	// sent with the request.
	begun func(context.Context, core.RequestInfo) (trace string)
	done  func(core.RequestInfo)
	ids   atomic.Uint64 // the last id; starts at a random number

	mu     sync.Mutex
	closed bool
	byID   map[string]*request
}

func newRequests(begun func(context.Context, core.RequestInfo) string, done func(core.RequestInfo)) *requests {
	t := &requests{begun: begun, done: done, byID: map[string]*request{}}
	t.ids.Store(rand.Uint64())
	return t
}

// request is one question to other servers, until its result is handed over.
type request struct {
	id    string
	kind  core.Kind // of the question
	began time.Time
	trace string // sent with the question

	take     func(answer *core.Message) (enough bool) // adds an answer; one call at a time
	capacity func() <-chan struct{}                   // limits the answers that wait; may be nil
	done     func(err error)                          // hands the result over, after the last take

	mu          sync.Mutex
	outstanding map[string]outstanding // by server: those that were asked, and those that answered unasked
	awaited     int                    // servers that owe an answer and have not left
	ended       bool
	timer       *time.Timer
	detach      func() bool // stops ctx from cancelling the request

	// Set when the request ends, read by done.
	left []string // servers that left before they had answered; sorted
	lost int      // acknowledgements that these servers still owed
}

// outstanding is what one server owes a request: its answer, or, for an acknowledged
// broadcast, first the number of its clients and then as many acknowledgements.
type outstanding struct {
	due     int  // answers to come, as far as known
	started bool // the first answer has come
	gone    bool // the server has left and is not waited for
	back    bool // it has come back since; it may not have got the question
}

// begin registers r, whose kind, take and done are set, and begins to wait for the
// servers that asked returns. It must be called before the question is sent. It returns
// the number of servers; if that is 0, r has ended.
func (t *requests) begin(ctx context.Context, r *request, timeout time.Duration, asked func() []string) (int, error) {
	r.began = time.Now()
	r.id = t.newID()
	if t.isClosed() {
		return 0, r.errClosed()
	}
	r.trace = t.begun(ctx, core.RequestInfo{ID: r.id, Kind: r.kind})

	// From here on, r hears of servers that leave: they are removed from the members
	// before that is reported.
	r.mu.Lock()
	if !t.add(r) {
		r.mu.Unlock()
		err := r.errClosed() // closed since isClosed above
		t.done(core.RequestInfo{ID: r.id, Kind: r.kind, Duration: time.Since(r.began), Err: err})
		return 0, err
	}
	servers := asked()
	r.outstanding = make(map[string]outstanding, len(servers))
	for _, id := range servers {
		r.outstanding[id] = outstanding{due: 1}
	}
	r.awaited = len(r.outstanding)
	if r.awaited > 0 {
		r.timer = time.AfterFunc(timeout, func() { t.cancel(r, context.DeadlineExceeded) })
		if ctx.Done() != nil {
			r.detach = context.AfterFunc(ctx, func() { t.cancel(r, context.Cause(ctx)) })
		}
	}
	r.ended = r.awaited == 0
	r.mu.Unlock()
	if len(servers) == 0 {
		t.finish(r, nil)
	}
	return len(servers), nil
}

func (r *request) errClosed() error {
	return fmt.Errorf("%s: namespace: %w", r.kind, core.ErrClosed)
}

// newID makes a request id: 16 hex digits, like the reference's.
func (t *requests) newID() string {
	var id [8]byte
	binary.BigEndian.PutUint64(id[:], t.ids.Add(1))
	return hex.EncodeToString(id[:])
}

func (t *requests) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

func (t *requests) add(r *request) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.byID[r.id] = r
	return true
}

// receive handles an answer of another server. If more answers wait to be handed over
// than the limit, it returns a channel that is closed when fewer do.
func (t *requests) receive(m *core.Message) (capacity <-chan struct{}) {
	if r := t.answer(m); r != nil && r.capacity != nil {
		return r.capacity()
	}
	return nil
}

// answer handles an answer, and returns the request if it has not ended. Answers to no
// known request are ignored.
func (t *requests) answer(m *core.Message) *request {
	t.mu.Lock()
	r := t.byID[m.RequestID]
	t.mu.Unlock()
	if r == nil {
		return nil
	}
	if ended, err := r.enter(m); ended {
		t.finish(r, err)
		return nil
	}
	return r
}

// left stops waiting for a server that has left; back says that it has joined again
// already.
func (t *requests) left(server string, back bool) {
	for _, r := range t.all() {
		if ended, err := r.memberLeft(server, back); ended {
			t.finish(r, err)
		}
	}
}

// joined notes that a server has joined, which may have left before.
func (t *requests) joined(server string) {
	for _, r := range t.all() {
		r.welcomeBack(server)
	}
}

// leftBefore stops waiting for a server that could not be asked because it had left.
func (t *requests) leftBefore(r *request, server string) {
	if ended, err := r.memberLeft(server, false); ended {
		t.finish(r, err)
	}
}

// excuse stops waiting for a server that was not asked because it has nothing to answer.
func (t *requests) excuse(r *request, server string) {
	if ended, err := r.excuse(server); ended {
		t.finish(r, err)
	}
}

// cancel ends r with the answers that have come.
func (t *requests) cancel(r *request, cause error) {
	if ended, err := r.giveUp(cause); ended {
		t.finish(r, err)
	}
}

// close cancels all requests, and makes later ones fail.
func (t *requests) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	for _, r := range t.all() {
		t.cancel(r, core.ErrClosed)
	}
}

func (t *requests) all() []*request {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.byID))
}

// finish hands over the result of a request that has ended.
func (t *requests) finish(r *request, err error) {
	t.mu.Lock()
	delete(t.byID, r.id)
	t.mu.Unlock()
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.detach != nil {
		r.detach()
	}
	t.done(core.RequestInfo{ID: r.id, Kind: r.kind, Duration: time.Since(r.began), Err: err, Left: len(r.left)})
	r.done(err)
}

// enter handles an answer. ended reports whether r has ended with it, and err is then the
// error for r's caller.
func (r *request) enter(m *core.Message) (ended bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || !r.record(m) {
		return false, nil
	}
	switch enough := r.take(m); {
	case enough:
		r.ended = true
		return true, nil
	case r.awaited == 0:
		return true, r.end(nil)
	}
	return false, nil
}

// memberLeft notes that a server has left, and whether it is back. Its results are those
// of enter.
func (r *request) memberLeft(server string, back bool) (ended bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.outstanding[server]
	if r.ended || d.due == 0 {
		return false, nil
	}
	again := d.gone
	d.gone, d.back = true, back
	r.outstanding[server] = d
	if again {
		return false, nil
	}
	if r.awaited--; r.awaited > 0 {
		return false, nil
	}
	return true, r.end(nil)
}

// welcomeBack notes that a server that had left has joined again. It is not waited for,
// because the question may be lost with its link; but it is alive, so its answer counts
// as missing.
func (r *request) welcomeBack(server string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.outstanding[server]; !r.ended && d.gone {
		d.back = true
		r.outstanding[server] = d
	}
}

// excuse counts a server as having answered with nothing. Its results are those of enter.
func (r *request) excuse(server string) (ended bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.outstanding[server]
	if r.ended || d.gone || d.started || d.due == 0 {
		return false, nil
	}
	r.outstanding[server] = outstanding{started: true}
	if r.awaited--; r.awaited > 0 {
		return false, nil
	}
	return true, r.end(nil)
}

// giveUp stops waiting. Its results are those of enter.
func (r *request) giveUp(cause error) (ended bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return false, nil
	}
	return true, r.end(cause)
}

// record notes an answer, and reports whether it counts; r.mu is held.
func (r *request) record(m *core.Message) bool {
	d := r.outstanding[m.From] // the zero value if the server was not asked
	owed := d.due > 0
	switch {
	case m.Kind == core.KindBroadcastAck: // owed only after a client count
		if !d.started || !owed {
			return false
		}
		d.due--
	case d.started:
		return false
	case m.Kind == core.KindBroadcastClientCount && r.kind == core.KindBroadcast:
		d.due = max(0, m.Count)
	case m.Kind == core.KindFetchSocketsResponse && r.kind == core.KindFetchSockets,
		m.Kind == core.KindServerSideEmitResponse && r.kind == core.KindServerSideEmit:
		d.due = 0
	default:
		return false
	}
	d.started = true
	r.outstanding[m.From] = d
	if d.gone {
		return true
	}
	if owed {
		r.awaited--
	}
	if d.due > 0 {
		r.awaited++
	}
	return true
}

// end ends the request and returns its error, with the servers that have not answered;
// r.mu is held. cause is nil if no server is waited for. Servers that have left do not
// count as missing: their sockets are gone with them.
func (r *request) end(cause error) error {
	r.ended = true
	var missing []string
	for id, d := range r.outstanding {
		switch {
		case d.due == 0:
		case d.gone && !d.back:
			r.left = append(r.left, id)
			if d.started {
				r.lost += d.due
			}
		default:
			missing = append(missing, id)
		}
	}
	slices.Sort(r.left)
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return &core.IncompleteError{Operation: r.kind.String(), Missing: missing, Left: r.left, Cause: cmp.Or(cause, core.ErrReplaced)}
}

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

// requests are what this server has asked the others in one namespace, and what
// it waits for.
type requests struct {
	// begun and done are told of every request, without a lock. What begun returns goes
	// with it to other servers.
	begun func(context.Context, core.RequestInfo) (trace string)
	done  func(core.RequestInfo)
	ids   atomic.Uint64 // the last id; begins anywhere

	mu     sync.Mutex
	closed bool
	byID   map[string]*request
}

func newRequests(begun func(context.Context, core.RequestInfo) string, done func(core.RequestInfo)) *requests {
	t := &requests{begun: begun, done: done, byID: map[string]*request{}}
	t.ids.Store(rand.Uint64())
	return t
}

// request is one question, from when it is asked until its answer is handed over.
type request struct {
	id    string
	kind  core.Kind // of the question
	began time.Time
	trace string // goes with it to other servers

	take     func(answer *core.Message) (enough bool) // adds an answer; one call at a time
	capacity func() <-chan struct{}                   // for more answers; may be nil
	done     func(err error)                          // hands the result over, after the last take

	mu          sync.Mutex
	outstanding map[string]outstanding // by server: those asked, and those that answered unasked
	awaited     int                    // servers that owe something and are there
	ended       bool
	timer       *time.Timer
	detach      func() bool // from ctx

	// Written when the request ends, read by done.
	left []string // servers that left before they had answered; sorted
	lost int      // acknowledgements that were still to come from them
}

// outstanding is what one server owes a request: its answer, or, for an acknowledged
// broadcast, first the number of its clients and then so many acknowledgements.
type outstanding struct {
	due     int  // answers to come, as far as is known
	started bool // the first answer came
	gone    bool // the server has left; nobody waits for it any more
	back    bool // it has come back since, and what it was asked may be lost
}

// begin registers r, with its kind, take and done set, and starts to wait for the
// servers that asked returns. It must be called before they are asked. It reports
// their number; if there are none, r has ended.
func (t *requests) begin(ctx context.Context, r *request, timeout time.Duration, asked func() []string) (int, error) {
	r.began = time.Now()
	r.id = t.newID()
	if t.isClosed() {
		return 0, r.errClosed()
	}
	r.trace = t.begun(ctx, core.RequestInfo{ID: r.id, Kind: r.kind})

	// Those who leave from here on are reported to r: they are told of after
	// they were taken out of the members.
	r.mu.Lock()
	if !t.add(r) {
		r.mu.Unlock()
		err := r.errClosed() // since a moment ago
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

// newID makes a request id: 16 hex digits, as the reference's.
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

// receive takes in an answer of another server. Where too many of them wait to be handed
// over it returns a channel that is closed when fewer do.
func (t *requests) receive(m *core.Message) (capacity <-chan struct{}) {
	if r := t.answer(m); r != nil && r.capacity != nil {
		return r.capacity()
	}
	return nil
}

// answer takes in an answer, and returns the request if it goes on. What nobody
// waits for is ignored.
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

// left ends the waiting for a server, which may be back already.
func (t *requests) left(server string, back bool) {
	for _, r := range t.all() {
		if ended, err := r.memberLeft(server, back); ended {
			t.finish(r, err)
		}
	}
}

// joined notes that a server is there, which may have left before.
func (t *requests) joined(server string) {
	for _, r := range t.all() {
		r.welcomeBack(server)
	}
}

// leftBefore ends the waiting of one request for a server that could not be asked,
// because it had left.
func (t *requests) leftBefore(r *request, server string) {
	if ended, err := r.memberLeft(server, false); ended {
		t.finish(r, err)
	}
}

// excuse ends the waiting for a server that was not asked, because it has nothing
// to say.
func (t *requests) excuse(r *request, server string) {
	if ended, err := r.excuse(server); ended {
		t.finish(r, err)
	}
}

// cancel ends r without those who have not answered.
func (t *requests) cancel(r *request, cause error) {
	if ended, err := r.giveUp(cause); ended {
		t.finish(r, err)
	}
}

// close cancels all requests, and lets no more begin.
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

// finish hands over what has ended.
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

// enter takes in an answer. It reports whether that ends r, with the error for
// its caller.
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

// memberLeft notes that a server has left, and whether it is back. It reports as enter
// does.
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

// welcomeBack notes that a server that had left is there again. It is not waited
// for, since it may have lost the question with the link; but it has not died, so
// its answer is missing.
func (r *request) welcomeBack(server string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.outstanding[server]; !r.ended && d.gone {
		d.back = true
		r.outstanding[server] = d
	}
}

// excuse takes a server for one that has answered with nothing. It reports as
// enter does.
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

// giveUp stops waiting. It reports as enter does.
func (r *request) giveUp(cause error) (ended bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return false, nil
	}
	return true, r.end(cause)
}

// record notes who has answered, and reports whether the answer counts; r.mu is
// held.
func (r *request) record(m *core.Message) bool {
	d := r.outstanding[m.From] // none for who was not asked
	owed := d.due > 0
	switch {
	case m.Kind == core.KindBroadcastAck: // owed behind a count alone
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

// end ends the request, and says who has not answered; r.mu is held. cause is
// nil if nobody is waited for. Servers that have left are not missing: what they
// would have answered is gone with them.
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

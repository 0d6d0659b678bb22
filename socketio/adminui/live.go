package adminui

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// live has the sockets of this server that pages see, and the events about them that are
// not sent yet. A snapshot contains the state after exactly the events before it. All
// methods are safe for concurrent use.
type live struct {
	o    Options // with defaults
	wake func()  // called when there is something to send

	mu      sync.Mutex
	active  bool // a page is connected to some server
	limit   int  // the highest number of followed sockets
	sockets map[socketKey]*followed
	pending []event
	lost    bool   // events of sockets and rooms were left out
	traffic budget // for events that clients send and receive
	changes budget // for events of sockets and rooms
}

// socketKey identifies a socket. Ids of protocol revision 3 are the same in each namespace.
type socketKey struct {
	namespace string
	id        socket.SocketId
}

// begin starts to follow up to limit sockets. It is called again when the limit changes.
func (l *live) begin(limit, events int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.active {
		l.sockets = map[socketKey]*followed{}
	}
	l.active, l.limit = true, limit
	l.traffic.perSecond, l.changes.perSecond = events, events
}

// end forgets everything. It returns the sockets that were followed.
func (l *live) end() []*followed {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := slices.Collect(maps.Values(l.sockets))
	l.active, l.sockets, l.pending, l.lost = false, nil, nil, false
	return was
}

// capacity returns how many more sockets may be followed.
func (l *live) capacity() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limit - len(l.sockets)
}

func (l *live) follows(s *socket.Socket) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sockets[socketKey{s.Nsp().Name(), s.Id()}] != nil
}

func (l *live) list() []*followed {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.sockets))
}

// add queues an event; l.mu is held.
func (l *live) add(e event) {
	l.pending = append(l.pending, e)
	if len(l.pending) == 1 {
		l.wake()
	}
}

// change queues an event of a socket or a room; l.mu is held. If the budget is used up, the
// event is not made, and pages need a new snapshot.
func (l *live) change(name string, args ...json.RawMessage) {
	if !l.changes.take(time.Now()) {
		if !l.lost {
			l.lost = true
			l.wake()
		}
		return
	}
	l.add(newEvent(name, args...))
}

// cut returns the queued events and empties the queue.
func (l *live) cut() (events []event, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cutLocked()
}

func (l *live) cutLocked() (events []event, lost bool) {
	events, lost = l.pending, l.lost
	l.pending, l.lost = nil, false
	return events, lost
}

// waiting reports whether there is something to send.
func (l *live) waiting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pending) > 0 || l.lost
}

// snapshot returns the queued events like cut, and the sockets as they are after these.
func (l *live) snapshot() (events []event, lost bool, sockets []description) {
	l.mu.Lock()
	defer l.mu.Unlock()
	events, lost = l.cutLocked()
	for _, f := range l.sockets {
		if f.announced() {
			sockets = append(sockets, f.describe())
		}
	}
	return events, lost, sockets
}

// budget admits a number of events per second. Unused ones are not saved for longer than
// that.
type budget struct {
	perSecond int
	used      float64
	at        time.Time
}

func (b *budget) take(now time.Time) bool {
	b.used = max(0, b.used-now.Sub(b.at).Seconds()*float64(b.perSecond))
	b.at = now
	if b.used >= float64(b.perSecond) {
		return false
	}
	b.used++
	return true
}

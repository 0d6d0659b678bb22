package adminui

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// live are the sockets of this server that pages see, and what has happened to them and
// was not sent yet. What a snapshot says is what the events before it have said. All
// methods may be called at once.
type live struct {
	o    Options // with defaults
	wake func()  // there is something to send

	mu      sync.Mutex
	active  bool // somebody looks
	limit   int  // how many sockets are followed at most
	sockets map[socketKey]*followed
	pending []event
	lost    bool   // events of sockets and rooms were left out
	traffic budget // of what clients send and get
	changes budget // of sockets and rooms
}

// socketKey tells sockets apart: ids are random, but those of protocol revision 3.
type socketKey struct {
	namespace string
	id        socket.SocketId
}

// begin starts to follow up to limit sockets. It is called again when others share it.
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

// capacity is how many more sockets may be followed.
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

// add queues an event, if the budget is not used up; l.mu is held.
func (l *live) add(e event) {
	l.pending = append(l.pending, e)
	if len(l.pending) == 1 {
		l.wake()
	}
}

// change queues what happens to a socket or a room; l.mu is held. The event is only made
// if it is within the budget. Beyond it, pages need a new snapshot.
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

// cut takes what is to be sent.
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

// waiting tells whether there is something to send.
func (l *live) waiting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pending) > 0 || l.lost
}

// snapshot takes what is to be sent, and describes the sockets as they are behind it.
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

// budget lets a number of events through in a second, of which none are saved up for
// longer.
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

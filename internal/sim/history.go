package sim

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// namespaces are open on every server.
var namespaces = []string{"/", "/a", "/b"}

// class is what a message does, and for whom it is.
type class int

const (
	toAll class = iota
	toStatic
	toDynamic
	volatile
	serverSide
	remoteJoin
	classes // that Emit may send; the next ones are questions
	withAcks
	withAnswers
)

var classNames = [...]string{"to all", "to a static room", "to a dynamic room", "volatile", "server-side", "remote join", "", "with acknowledgements", "with answers"}

func (c class) String() string { return classNames[c] }

// kind returns the kind that the mesh uses for such messages.
func (c class) kind() core.Kind {
	switch c {
	case serverSide, withAnswers:
		return core.KindServerSideEmit
	case remoteJoin:
		return core.KindSocketsJoin
	}
	return core.KindBroadcast
}

// history records what happened in a run. All methods are safe for concurrent use.
type history struct {
	began time.Time

	mu         sync.Mutex
	servers    []*server // all that ever lived, in the order in which they started
	requests   []*request
	violations []Violation
	seen       map[string]int // violations, by what they violate
	trace      uint64         // see Result
	faults     int
}

// Violation is an event that a promise excludes.
type Violation struct {
	Invariant string
	Detail    string
}

func (v Violation) String() string { return v.Invariant + ": " + v.Detail }

// maxViolations limits the violations that are kept per invariant.
const maxViolations = 5

func (h *history) now() time.Duration { return time.Since(h.began) }

// find returns the server with an id, or nil; mu is held.
func (h *history) find(id string) *server {
	for _, s := range h.servers {
		if s.id == id {
			return s
		}
	}
	return nil
}

func (h *history) violate(invariant, format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.violateLocked(invariant, format, args...)
}

func (h *history) violateLocked(invariant, format string, args ...any) {
	if h.seen == nil {
		h.seen = map[string]int{}
	}
	if h.seen[invariant]++; h.seen[invariant] <= maxViolations {
		h.violations = append(h.violations, Violation{invariant, fmt.Sprintf("%v: ", h.now()) + fmt.Sprintf(format, args...)})
	}
}

// emission is a message that a server has sent. Its number is its index plus one.
type emission struct {
	at     time.Duration
	class  class
	host   int                  // of toStatic: whose room; of toDynamic: which room; of withAnswers: how many were asked
	linked map[string]time.Time // servers that the sender had a link to, before and after, since when
}

// reception is the numbers, in ascending order, of the messages that one server has
// received of another in one namespace.
type reception []int

func (r reception) received(n int) bool {
	_, found := slices.BinarySearch(r, n)
	return found
}

// with returns r with n added.
func (r reception) with(n int) reception {
	i, _ := slices.BinarySearch(r, n)
	return slices.Insert(r, i, n)
}

// last returns the largest number; 0 if there is none.
func (r reception) last() int {
	if len(r) == 0 {
		return 0
	}
	return r[len(r)-1]
}

// record is what is known of one life of a server; the history's lock guards it.
type record struct {
	started, ended  time.Duration // ended is -1 while it lives
	killed          bool
	left            error                // the error of Shutdown
	leftLinks       map[string]time.Time // the links when it began to leave, with the time since when
	emitted         [][]emission
	got             []map[string]reception       // by namespace and origin
	gapsIn, gapsOut map[string]map[core.Kind]int // messages that were lost on their way from and to peers
	ups             map[string]time.Duration     // when a peer was first linked
	downs           map[string][]down            // peers lost
	maxQueued       int
}

func newRecord(now time.Duration) record {
	r := record{started: now, ended: -1, gapsIn: map[string]map[core.Kind]int{}, gapsOut: map[string]map[core.Kind]int{}, ups: map[string]time.Duration{}, downs: map[string][]down{}}
	for range namespaces {
		r.emitted = append(r.emitted, nil)
		r.got = append(r.got, map[string]reception{})
	}
	return r
}

// observer fills in a record.
type observer struct {
	core.NopObserver
	s *server
}

func (o observer) PeerUp(p core.PeerInfo) {
	h := o.s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, again := o.s.ups[p.ID]; !again {
		o.s.ups[p.ID] = h.now()
	}
}

// down is when a peer was lost, and why.
type down struct {
	at  time.Duration
	why error
}

func (o observer) PeerDown(p core.PeerInfo, why error) {
	h := o.s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	o.s.downs[p.ID] = append(o.s.downs[p.ID], down{h.now(), why})
}

func (o observer) Dropped(peer string, kind core.Kind, why error) {
	if errors.Is(why, core.ErrMalformed) || errors.Is(why, core.ErrForged) {
		o.s.violate("sound frames", "%s does not take a %s of %s: %v", o.s.id, kind, peer, why)
	}
}

func (o observer) Gap(g core.Gap) {
	h := o.s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	gaps := o.s.gapsIn
	if g.Outbound {
		gaps = o.s.gapsOut
	}
	if gaps[g.Peer] == nil {
		gaps[g.Peer] = map[core.Kind]int{}
	}
	for kind, n := range g.Lost {
		gaps[g.Peer][kind] += int(n)
	}
}

// request is a request of one server, and its result.
type request struct {
	what          string
	server        *server
	namespace     int
	began         time.Duration
	before, after []string // members

	// Guarded by the history's lock.
	settled  bool
	at       time.Duration
	answered map[string]int // by server: how many of its clients, or answers
	left     []string
	missing  []string
	err      error
}

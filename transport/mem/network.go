package mem

import (
	"strings"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// The defaults of a network.
const (
	DefaultBuffer   = 256 << 10 // bytes under way in each direction of a connection
	DefaultMaxFrame = 100 << 20 // bytes
	backlog         = 128       // connections a listener has not accepted yet
)

// Network connects the transports of its hosts. All methods may be called at
// once, from inside a [Network.Tap] too.
type Network struct {
	buffer   int
	maxFrame int
	lanes    int
	stagger  time.Duration

	// mu guards everything of the network: hosts, routes, listeners and
	// connections. It is held for moments only, never while waiting.
	mu        sync.Mutex
	changed   *sync.Cond // a dial that waits may look again
	hosts     map[string]*host
	routes    map[[2]string]*route
	listeners map[string]*listener
	conns     map[*conn]struct{} // those that have not been closed
	tap       func(from, to string, frame []byte)
}

// Option changes a default of a network.
type Option func(*Network)

// WithBuffer bounds what is under way in each direction of a connection, in
// bytes: a Send beyond it blocks until the other end reads.
func WithBuffer(bytes int) Option { return func(n *Network) { n.buffer = bytes } }

// WithMaxFrame bounds a frame, in bytes: a larger one ends its connection.
func WithMaxFrame(bytes int) Option { return func(n *Network) { n.maxFrame = bytes } }

// WithLanes gives every connection so many lanes ([core.Laner]). What is sent on
// the first takes so much longer than on the connection itself, and on each one
// so much longer than on the one before: with that, lanes overtake each other.
func WithLanes(lanes int, stagger time.Duration) Option {
	return func(n *Network) { n.lanes, n.stagger = lanes, stagger }
}

// NewNetwork returns a network without hosts, in which everything works.
func NewNetwork(opts ...Option) *Network {
	n := &Network{
		buffer:    DefaultBuffer,
		maxFrame:  DefaultMaxFrame,
		hosts:     map[string]*host{},
		routes:    map[[2]string]*route{},
		listeners: map[string]*listener{},
		conns:     map[*conn]struct{}{},
	}
	n.changed = sync.NewCond(&n.mu)
	for _, opt := range opts {
		opt(n)
	}
	return n
}

// Transport returns the transport of one process on a host. Faults are named by
// host; a host may have several processes, and one after another.
func (n *Network) Transport(host string) core.Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hostNamed(nameOf(host))
	return &transport{network: n, host: h, life: h.life}
}

// Tap has f called for every frame that is sent, before it is under way, by the
// goroutine that sends it. The frame is borrowed. A nil f ends it.
func (n *Network) Tap(f func(from, to string, frame []byte)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tap = f
}

// host is a machine, with all its processes.
type host struct {
	name      string
	hung      bool // reads nothing, sends nothing
	refusing  bool // dials to it fail
	reference bool // says nothing of being native
	life      int  // how many times it was killed
}

// route is the way from one host to another; the way back is another one.
type route struct {
	delay time.Duration
	lost  bool // what is sent vanishes
	held  bool // what is sent waits
}

// hostNamed returns a host, a new one if need be; n.mu is held.
func (n *Network) hostNamed(name string) *host {
	h := n.hosts[name]
	if h == nil {
		h = &host{name: name}
		n.hosts[name] = h
	}
	return h
}

// routeBetween returns the route from one host to another; n.mu is held.
func (n *Network) routeBetween(from, to string) *route {
	key := [2]string{from, to}
	r := n.routes[key]
	if r == nil {
		r = &route{}
		n.routes[key] = r
	}
	return r
}

// wakeAll has everything that waits look again; n.mu is held.
func (n *Network) wakeAll() {
	n.changed.Broadcast()
	for _, l := range n.listeners {
		l.changed.Broadcast()
	}
	for c := range n.conns {
		c.wake()
	}
}

const scheme = "mem://"

// nameOf is what an address names.
func nameOf(addr string) string { return strings.TrimPrefix(addr, scheme) }

package mem

import (
	"strings"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// The defaults of a network.
const (
	DefaultBuffer   = 256 << 10 // unread bytes in each direction of a connection
	DefaultMaxFrame = 100 << 20 // bytes
	backlog         = 128       // connections a listener has not accepted yet
)

// Network connects the transports of its hosts. All methods may be called concurrently,
// and by the function of [Network.Tap].
type Network struct {
	buffer   int
	maxFrame int
	streams  int
	stagger  time.Duration

	// mu guards everything of the network: hosts, routes, listeners and
	// connections. It is held for moments only, never while waiting.
	mu        sync.Mutex
	changed   *sync.Cond // dials wait for it
	hosts     map[string]*host
	routes    map[[2]string]*route
	listeners map[string]*listener
	conns     map[*conn]struct{} // those that have not been closed
	tap       func(from, to string, frame []byte)
}

// Option changes a default of a network.
type Option func(*Network)

// WithBuffer limits the bytes that were sent and not read, in each direction of a
// connection: a Send beyond it blocks until the other end reads.
func WithBuffer(bytes int) Option { return func(n *Network) { n.buffer = bytes } }

// WithMaxFrame bounds a frame, in bytes: a larger one ends its connection.
func WithMaxFrame(bytes int) Option { return func(n *Network) { n.maxFrame = bytes } }

// WithStreams gives every connection this many streams beside its own
// ([core.MultiStream]). Frames on the first of them take longer by stagger than those of
// the connection itself, and on each further one by stagger longer than on the one
// before; so streams overtake each other.
func WithStreams(streams int, stagger time.Duration) Option {
	return func(n *Network) { n.streams, n.stagger = streams, stagger }
}

// NewNetwork returns a network without hosts and without faults.
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

// Transport returns the transport of one process on a host. Faults are set per host; a
// host may have several processes, at the same time or one after another.
func (n *Network) Transport(host string) core.Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hostNamed(nameOf(host))
	return &transport{network: n, host: h, life: h.life}
}

// Tap makes the network call f for every frame before it is sent, on the goroutine that
// sends it. f must not keep the frame. A nil f removes the tap.
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
	reference bool // its listeners count as those of reference peers
	life      int  // how many times it was killed
}

// route is the way from one host to another; the opposite direction is another route.
type route struct {
	delay time.Duration
	lost  bool // what is sent is lost
	held  bool // what is sent does not arrive until Heal
}

// hostNamed returns a host, and makes it if it is new; n.mu is held.
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

// wakeAll wakes all goroutines that wait; n.mu is held.
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

// nameOf returns the name in an address.
func nameOf(addr string) string { return strings.TrimPrefix(addr, scheme) }

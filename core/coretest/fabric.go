package coretest

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/cluster"
)

// Fabric connects the adapters of one namespace without nodes. What one of them
// publishes, the others receive: in order for each pair of servers, on a goroutine of
// that pair. A test can hold, drop and forge messages, and kill servers.
type Fabric struct {
	work sync.WaitGroup

	mu     sync.Mutex
	all    map[string]*Server
	queues map[way]*serialQueue
	filter func(from, to string, m *core.Message) bool
}

// way is the direction from one server to another.
type way struct{ from, to string }

// NewFabric returns a fabric without servers. Close it at the end.
func NewFabric() *Fabric {
	return &Fabric{all: map[string]*Server{}, queues: map[way]*serialQueue{}}
}

// Server is one server of a [Fabric]: an adapter with its host.
type Server struct {
	core.Adapter
	Host     *Host
	Receiver core.Receiver // for messages that the test makes itself

	fabric    *Fabric
	id        string
	namespace string
	reference bool
	gone      bool            // killed, or left
	members   map[string]bool // as this server sees them
	requests  []core.RequestInfo
	messages  []*core.Message
}

// Join adds a server. All others know it, and it knows them, when Join returns.
func (f *Fabric) Join(id string, cfg core.AdapterConfig) *Server {
	return f.join(&Server{Host: NewHost(), fabric: f, id: id, namespace: "/", members: map[string]bool{}}, cfg)
}

// JoinReference adds a server that takes only kinds of the reference's protocol.
func (f *Fabric) JoinReference(id string, cfg core.AdapterConfig) *Server {
	return f.join(&Server{Host: NewHost(), fabric: f, id: id, namespace: "/", reference: true, members: map[string]bool{}}, cfg)
}

func (f *Fabric) join(s *Server, cfg core.AdapterConfig) *Server {
	s.Adapter, s.Receiver = cluster.New(fabricView{s}, s.Host, cfg)
	f.mu.Lock()
	others := f.present()
	f.all[s.id] = s
	for _, other := range others {
		for _, l := range []way{{s.id, other.id}, {other.id, s.id}} {
			c := newSerialQueue()
			f.queues[l] = c
			f.work.Go(c.run)
		}
		s.members[other.id], other.members[s.id] = true, true
	}
	f.mu.Unlock()
	for _, other := range others {
		s.Receiver.MemberJoined(other.id)
		other.Receiver.MemberJoined(s.id)
	}
	return s
}

// present returns the servers that are not gone; f.mu is held.
func (f *Fabric) present() []*Server {
	var present []*Server
	for _, s := range f.all {
		if !s.gone {
			present = append(present, s)
		}
	}
	return present
}

// Kill removes a server without a goodbye. The others notice when they have received what
// it had sent; messages that are held are lost.
func (f *Fabric) Kill(id string) { f.leave(id, core.ErrSilentPeer, true) }

func (f *Fabric) leave(id string, cause error, killed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.all[id]
	if s == nil || s.gone {
		return
	}
	s.gone = true
	for _, other := range f.present() {
		f.queues[way{other.id, id}].stop(true)
		out := f.queues[way{id, other.id}]
		if killed {
			out.lose()
		}
		out.put(func() {
			f.mu.Lock()
			delete(other.members, id)
			f.mu.Unlock()
			other.Receiver.MemberLeft(id, cause)
		})
		out.stop(false)
	}
}

// Hold keeps what one server sends to another until Release.
func (f *Fabric) Hold(from, to string)    { f.queue(from, to).hold(true) }
func (f *Fabric) Release(from, to string) { f.queue(from, to).hold(false) }

func (f *Fabric) queue(from, to string) *serialQueue {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.queues[way{from, to}]
	if c == nil {
		panic(fmt.Sprintf("coretest: no way from %q to %q", from, to))
	}
	return c
}

// Filter sets the function that decides, for each message, whether it arrives.
func (f *Fabric) Filter(keep func(from, to string, m *core.Message) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.filter = keep
}

// Close closes all adapters and waits for the fabric's goroutines.
func (f *Fabric) Close() {
	f.mu.Lock()
	servers := slices.Collect(maps.Values(f.all))
	f.mu.Unlock()
	for _, s := range servers {
		s.Close()
	}
	f.mu.Lock()
	for _, c := range f.queues {
		c.stop(true)
	}
	f.mu.Unlock()
	f.work.Wait()
}

// send sends m. It reports whether the receiver is in the mesh.
func (f *Fabric) send(from, to string, m *core.Message) bool {
	f.mu.Lock()
	s, c, keep := f.all[to], f.queues[way{from, to}], f.filter
	known := f.all[from] != nil && !f.all[from].gone && s != nil && !s.gone
	f.mu.Unlock()
	switch {
	case !known || c == nil:
		return false
	case s.reference && !m.Kind.Reference(), keep != nil && !keep(from, to, m):
		return true
	}
	c.put(func() {
		f.mu.Lock()
		s.messages = append(s.messages, m)
		f.mu.Unlock()
		if capacity := s.Receiver.Receive(m); capacity != nil {
			<-capacity
		}
	})
	return true
}

// ID is the server's id.
func (s *Server) ID() string { return s.id }

// Requests returns the requests of this server that have ended.
func (s *Server) Requests() []core.RequestInfo {
	s.fabric.mu.Lock()
	defer s.fabric.mu.Unlock()
	return slices.Clone(s.requests)
}

// Messages returns the messages that the server has received, in order.
func (s *Server) Messages() []*core.Message {
	s.fabric.mu.Lock()
	defer s.fabric.mu.Unlock()
	return slices.Clone(s.messages)
}

// MessagesFrom returns those of one other server.
func (s *Server) MessagesFrom(id string) []*core.Message {
	return slices.DeleteFunc(s.Messages(), func(m *core.Message) bool { return m.From != id })
}

// Say sends another server a message that the adapter knows nothing of.
func (s *Server) Say(to string, m *core.Message) error { return fabricView{s}.SendTo(to, m) }

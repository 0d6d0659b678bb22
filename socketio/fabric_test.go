package socketio

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	meshcluster "github.com/socketmesh/mesh/internal/cluster"
)

// lonely is a mesh of one server.
type lonely struct{}

func (lonely) Adapter(namespace string, host core.Host) (core.Adapter, error) {
	return lonely{}.Standalone(namespace, host), nil
}

func (lonely) Standalone(namespace string, host core.Host) core.Adapter {
	a, _ := meshcluster.New(localCluster{namespace: namespace}, host, core.AdapterConfig{Logger: new(coretest.Log).Logger()})
	return a
}

// localCluster is the cluster of a lonely server.
type localCluster struct {
	core.Cluster
	namespace string
}

func (localCluster) ID() string                     { return "self" }
func (c localCluster) Namespace() string            { return c.namespace }
func (localCluster) Members() []string              { return nil }
func (localCluster) Publish(*core.Message) []string { return nil }
func (localCluster) RequestBegun(core.RequestInfo)  {}
func (localCluster) RequestDone(core.RequestInfo)   {}
func (localCluster) Leave()                         {}

// fabric is a cluster in memory, below core's adapters: messages arrive at once,
// unless a test holds them up.
type fabric struct {
	mu      sync.Mutex
	members map[string]map[string]*member // by namespace and server

	timeout time.Duration // of requests; a minute if it is 0
	// deliver, if set, gets each message in the place of its receiver.
	deliver func(to *member, m *core.Message)
}

func newFabric() *fabric { return &fabric{members: map[string]map[string]*member{}} }

// node is one server of the fabric.
type node struct {
	lonely // what it falls back to
	fabric *fabric
	id     string
}

func (f *fabric) node(id string) *node { return &node{fabric: f, id: id} }

func (n *node) Adapter(namespace string, host core.Host) (core.Adapter, error) {
	m := &member{node: n, namespace: namespace}
	a, receiver := meshcluster.New(m, host, core.AdapterConfig{RequestTimeout: cmp.Or(n.fabric.timeout, time.Minute)})
	m.receiver = receiver
	return a, n.fabric.open(m)
}

func (f *fabric) open(m *member) error {
	f.mu.Lock()
	all := f.members[m.namespace]
	if all == nil {
		all = map[string]*member{}
		f.members[m.namespace] = all
	}
	if all[m.id] != nil {
		f.mu.Unlock()
		return fmt.Errorf("namespace %q is open", m.namespace)
	}
	others := slices.Collect(maps.Values(all))
	all[m.id] = m
	f.mu.Unlock()
	for _, other := range others {
		m.receiver.MemberJoined(other.id)
		other.receiver.MemberJoined(m.id)
	}
	return nil
}

// remove takes a member out and tells the others.
func (f *fabric) remove(namespace, id string, cause error) {
	f.mu.Lock()
	delete(f.members[namespace], id)
	f.mu.Unlock()
	for _, other := range f.others(namespace, id) {
		other.receiver.MemberLeft(id, cause)
	}
}

func (f *fabric) others(namespace, id string) []*member {
	f.mu.Lock()
	defer f.mu.Unlock()
	var others []*member
	for _, m := range f.members[namespace] {
		if m.id != id {
			others = append(others, m)
		}
	}
	return others
}

// member is a namespace on a server.
type member struct {
	*node
	namespace string
	receiver  core.Receiver
}

var _ core.Cluster = (*member)(nil)

func (m *member) ID() string                    { return m.id }
func (m *member) Namespace() string             { return m.namespace }
func (m *member) Reference(string) bool         { return false }
func (m *member) RequestBegun(core.RequestInfo) {}
func (m *member) RequestDone(core.RequestInfo)  {}
func (m *member) Leave()                        { m.fabric.remove(m.namespace, m.id, core.ErrPeerLeft) }

func (m *member) Members() (ids []string) {
	for _, other := range m.fabric.others(m.namespace, m.id) {
		ids = append(ids, other.id)
	}
	return ids
}

func (m *member) Publish(message *core.Message) []string {
	message.From, message.Namespace = m.id, m.namespace
	for _, other := range m.fabric.others(m.namespace, m.id) {
		m.send(other, message)
	}
	return nil
}

func (m *member) SendTo(id string, message *core.Message) error {
	message.From, message.Namespace = m.id, m.namespace
	for _, other := range m.fabric.others(m.namespace, m.id) {
		if other.id == id {
			m.send(other, message)
			return nil
		}
	}
	return core.ErrNoServer
}

func (m *member) send(to *member, message *core.Message) {
	if deliver := m.fabric.deliver; deliver != nil {
		deliver(to, message)
		return
	}
	to.receiver.Receive(message)
}

package coretest

import "github.com/socketmesh/mesh/core"

// TestServer is a whole server without its Socket.IO part: an adapter, and the host that
// it acts on.
type TestServer struct {
	core.Adapter
	ID      string // the server's
	Host    *Host
	Clients []*Client
}

// Node is the part of a node that a test server needs: it opens namespaces.
type Node interface {
	ID() string
	Adapter(namespace string, host core.Host) (core.Adapter, error)
}

// NewTestServer opens a namespace on a host with the two clients of Populate.
func NewTestServer(node Node, namespace string) (*TestServer, error) {
	s := &TestServer{ID: node.ID(), Host: NewHost()}
	s.Clients = s.Host.Populate(s.ID)
	var err error
	s.Adapter, err = node.Adapter(namespace, s.Host)
	return s, err
}

// Populate connects two clients to the host of the server id, <id>0 and <id>1,
// both in the room "r", and the second one in "odd". They answer events with their
// own ids, and the host's listener with the server's.
func (h *Host) Populate(id string) []*Client {
	h.Listen(func(_ core.Payload, reply func(core.Payload)) {
		if reply != nil {
			reply(Value(id))
		}
	})
	return []*Client{
		h.Connect(id+"0", "r").AnswerWith(Value(id + "0")),
		h.Connect(id+"1", "r", "odd").AnswerWith(Value(id + "1")),
	}
}

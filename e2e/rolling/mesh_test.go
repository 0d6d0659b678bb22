package rolling

import (
	"context"
	"fmt"
	"testing"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/e2e/internal/procs"
)

// size is the number of servers.
const size = 5

// mesh is five servers, and those that were there before them.
type mesh struct {
	*testing.T
	transport core.Transport
	discovery core.Discovery
	servers   []*server
	retired   []*server
}

// begin starts a mesh in which all run one release.
func begin(t *testing.T, transport core.Transport, discovery core.Discovery, r release) *mesh {
	t.Helper()
	m := &mesh{T: t, transport: transport, discovery: discovery}
	t.Cleanup(m.end)
	for range size {
		m.servers = append(m.servers, m.start(r, "127.0.0.1:0"))
	}
	m.meet()
	return m
}

func (m *mesh) start(r release, listen string) *server {
	m.Helper()
	return start(m.T, r, core.Config{
		Listen:    listen,
		Advertise: m.transport.Name() + "://127.0.0.1:0",
		Transport: m.transport,
		Discovery: m.discovery,
		// No link is to be lost because the machine is busy.
		HandshakeTimeout:  patience,
		HeartbeatInterval: patience,
		HeartbeatTimeout:  2 * patience,
	})
}

// roll has all servers run another release, one after the other.
func (m *mesh) roll(r release) {
	m.Helper()
	for i := range m.servers {
		m.restart(i, r)
	}
}

// restart has one server run another release, at the same address.
func (m *mesh) restart(i int, r release) {
	m.Helper()
	old := m.servers[i]
	if err := old.stop(); err != nil {
		m.Errorf("shutdown of %s: %v", old.id, err)
	}
	m.retired = append(m.retired, old)
	for j, other := range m.servers {
		if j != i {
			m.heard(other, old, old.said)
		}
	}
	m.servers[i] = m.start(r, old.node.Addr())
	m.meet()
	m.agree()
	m.talk()
}

// meet waits until all servers have links to all.
func (m *mesh) meet() {
	m.Helper()
	m.eventually(func() error {
		for _, s := range m.servers {
			if got := s.io.Sockets().Adapter().ServerCount(); got != size {
				return fmt.Errorf("%s counts %d servers, not %d", s.id, got, size)
			}
		}
		return nil
	})
}

// agree checks how the servers talk to each other.
func (m *mesh) agree() {
	m.Helper()
	for _, s := range m.servers {
		for _, peer := range s.node.Peers() {
			for _, other := range m.servers {
				if other.id != peer.ID {
					continue
				}
				if want := s.release.writesTo(other.release); peer.Codec != want {
					m.Errorf("%s writes to %s in %q, not %q", s.id, other.id, peer.Codec, want)
				}
				if want := s.release.speaksWith(other.release); peer.Version != want {
					m.Errorf("%s speaks version %d with %s, not %d", s.id, peer.Version, other.id, want)
				}
			}
		}
	}
}

// talk waits until everybody has heard of everybody.
func (m *mesh) talk() {
	m.Helper()
	for _, s := range m.servers {
		for _, sender := range m.servers {
			m.heard(s, sender, sender.next(s))
		}
	}
}

// heard waits until the client of one server has got so much of another's, as far
// as there was a link.
func (m *mesh) heard(s, sender *server, upTo map[string]int64) {
	m.Helper()
	for _, namespace := range namespaces {
		if from, _ := sender.since(s, namespace); from >= upTo[namespace] {
			continue
		}
		m.eventually(func() error {
			if _, last := s.client.checks[namespace].Got(sender.id); int64(last) < upTo[namespace] {
				return fmt.Errorf("the client of %s has got events of %s in %s up to %d, not %d", s.id, sender.id, namespace, last, upTo[namespace])
			}
			return nil
		})
	}
}

// settle stops the emitting, and checks that everybody got everything.
func (m *mesh) settle() {
	m.Helper()
	for _, s := range m.servers {
		s.hush()
	}
	for _, s := range m.servers {
		for _, sender := range m.servers {
			m.heard(s, sender, count(sender.emitted))
		}
	}
	all := append(m.retired, m.servers...)
	events := int64(0)
	for _, s := range all {
		for _, namespace := range namespaces {
			events += s.emitted[namespace].Load()
			if err := s.client.checks[namespace].Err(); err != nil {
				m.Errorf("the client of %s in %s: %v", s.id, namespace, err)
			}
			for _, sender := range all {
				m.began(s, sender, namespace)
			}
		}
		if s.Lost() != 0 {
			m.Errorf("%s knows of %d messages that were lost", s.id, s.Lost())
		}
	}
	m.Logf("%d events of %d servers, to the clients of %d at a time", events, len(all), size)
}

// began checks that the client of a server has got the events of another one from
// when there was a link between the two. Where one was going when the other came,
// nothing may have arrived.
func (m *mesh) began(s, sender *server, namespace string) {
	m.Helper()
	from, linked := sender.since(s, namespace)
	first, last := s.client.checks[namespace].Got(sender.id)
	switch {
	case !linked && last >= 0:
		m.Errorf("the client of %s has got events of %s, without a link", s.id, sender.id)
	case linked && int64(first) > from+1:
		m.Errorf("the client of %s has got events of %s in %s from %d, not %d", s.id, sender.id, namespace, first, from+1)
	}
}

// end stops all servers.
func (m *mesh) end() {
	for _, s := range m.servers {
		if err := s.stop(); err != nil {
			m.Errorf("shutdown of %s: %v", s.id, err)
		}
		if m.Failed() {
			m.Logf("log of %s:\n%s", s.id, s.log.String())
		}
	}
}

func (m *mesh) eventually(check func() error) {
	m.Helper()
	procs.Eventually(m, patience, check)
}

// addresses is a discovery of addresses without ids, as a static list is. So both
// of two servers dial each other.
type addresses struct{ core.Discovery }

func (a addresses) Run(ctx context.Context, self core.Peer, update func([]core.Peer)) error {
	return a.Discovery.Run(ctx, self, func(peers []core.Peer) {
		for i := range peers {
			peers[i].ID = ""
		}
		update(peers)
	})
}

func roster() core.Discovery { return coretest.NewRoster().Discovery() }

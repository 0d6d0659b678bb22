package inflow

import (
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// namespace is one with a queue as sockets have it: an event passes it twice.
type namespace struct {
	waiting Namespace
	tasks   []func()
	closed  bool
}

func (n *namespace) enqueue(task func()) {
	if !n.closed {
		n.tasks = append(n.tasks, task)
	}
}

func (n *namespace) Behind(task func()) { n.enqueue(func() { n.enqueue(task) }) }

// step runs one task, if there is one.
func (n *namespace) step() bool {
	if len(n.tasks) == 0 {
		return false
	}
	task := n.tasks[0]
	n.tasks = n.tasks[1:]
	task()
	return true
}

// client is one with some namespaces.
type client struct {
	Flow
	namespaces []*namespace
	handled    int
	resumed    int
}

func newClient(limits Limits, namespaces int) *client {
	c := &client{}
	for range namespaces {
		c.namespaces = append(c.namespaces, &namespace{})
	}
	c.Init(NewClients(limits), c)
	return c
}

func (c *client) Namespaces(visit func(*Namespace, Queue)) {
	for _, n := range c.namespaces {
		visit(&n.waiting, n)
	}
}

// send is a packet that comes in.
func (c *client) send(n *namespace, bytes int) {
	c.Came(bytes)
	c.Passed(&n.waiting, n)
	n.enqueue(func() { n.enqueue(func() { c.handled++ }) })
}

// sendAll sends until the client is held back, or has sent so many.
func (c *client) sendAll(n *namespace, packets, bytes int) (sent int) {
	for sent < packets && !c.Hold(func() { c.resumed++ }) {
		c.send(n, bytes)
		sent++
	}
	return sent
}

func (c *client) wantAhead(t *testing.T, packets, bytes int) {
	t.Helper()
	if c.packets != packets || c.bytes != bytes {
		t.Errorf("%d packets of %d bytes are ahead, not %d of %d", c.packets, c.bytes, packets, bytes)
	}
}

// TestHeldBack: a client is held back at the bound, in packets or bytes, and goes on
// when half is left, in any distribution over namespaces.
func TestHeldBack(t *testing.T) {
	for name, test := range map[string]struct {
		limits     Limits
		namespaces int
		bytes      int
		sent       int
	}{
		"packets":         {Limits{Packets: 1000, Bytes: 1 << 30}, 1, 10, 1000},
		"bytes":           {Limits{Packets: 1 << 30, Bytes: 1 << 20}, 1, 10_000, 105},
		"one giant":       {Limits{Packets: 1 << 30, Bytes: 1 << 20}, 1, 2 << 20, 1},
		"fewer than mark": {Limits{Packets: 10, Bytes: 1 << 30}, 1, 1, 10},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(test.limits, test.namespaces)
			n := c.namespaces[0]
			if sent := c.sendAll(n, 1<<20, test.bytes); sent != test.sent {
				t.Errorf("held back after %d", sent)
			}
			if !c.Held() || c.clients.Held() != 1 || c.clients.Holds() != 1 {
				t.Errorf("held %v, %d of all, %d times", c.Held(), c.clients.Held(), c.clients.Holds())
			}
			for n.step() {
				if c.resumed > 0 && c.handled < test.sent/2-often {
					t.Fatalf("resumed when %d were handled", c.handled)
				}
			}
			if c.resumed != 1 || c.Held() || c.clients.Held() != 0 {
				t.Errorf("resumed %d times, held %v, %d of all", c.resumed, c.Held(), c.clients.Held())
			}
		})
	}
}

// TestManyNamespaces: none of them has enough for a look at its handlers.
func TestManyNamespaces(t *testing.T) {
	c := newClient(Limits{Packets: 1000}, 50)
	for i := 0; !c.Hold(func() { c.resumed++ }); i++ {
		c.send(c.namespaces[i%50], 1)
	}
	for busy := true; busy; {
		busy = false
		for _, n := range c.namespaces {
			busy = n.step() || busy
		}
	}
	if c.resumed != 1 {
		t.Errorf("resumed %d times", c.resumed)
	}
}

// TestBlockedNamespace: a handler that blocks does not hold up what comes for other
// namespaces, until its own packets are too many.
func TestBlockedNamespace(t *testing.T) {
	c := newClient(Limits{Packets: 100}, 2)
	blocked, other := c.namespaces[0], c.namespaces[1]
	c.send(blocked, 1)
	for range 10_000 {
		if c.sendAll(other, 1, 1) == 0 {
			t.Fatal("held back for one packet")
		}
		for other.step() {
		}
	}
	sent := c.sendAll(blocked, 1000, 1)
	if sent < 100-2*often || sent > 99 {
		t.Errorf("held back after %d", sent)
	}
	for blocked.step() {
	}
	for other.step() {
	}
	if c.resumed != 1 {
		t.Errorf("resumed %d times", c.resumed)
	}
}

// TestClosed: a socket that leaves takes its packets with it.
func TestClosed(t *testing.T) {
	c := newClient(Limits{Packets: 100}, 2)
	c.sendAll(c.namespaces[0], 1000, 7)
	c.wantAhead(t, 100, 700)
	n := c.namespaces[0]
	n.closed = true
	c.Closed(&n.waiting)
	if c.resumed != 1 {
		t.Error("still held back")
	}
	for n.step() {
	}
	c.wantAhead(t, 0, 0)
}

// TestRelease: whoever waits is let go, and asks again.
func TestRelease(t *testing.T) {
	c := newClient(Limits{Packets: 100}, 1)
	c.sendAll(c.namespaces[0], 1000, 7)
	both := 0
	if !c.Hold(func() { both++ }) {
		t.Fatal("not held")
	}
	c.Release()
	if c.resumed != 1 || both != 1 || c.Held() || c.clients.Held() != 0 || !c.Ahead() {
		t.Errorf("resumed %d and %d, held %v", c.resumed, both, c.Held())
	}
}

// TestZeroFlow: one that was not set up holds nobody back.
func TestZeroFlow(t *testing.T) {
	var f Flow
	var n Namespace
	for range 10_000 {
		f.Came(1000)
		f.Passed(&n, behind(func(func()) { t.Fatal("marked") }))
	}
	if f.Ahead() || f.Hold(func() {}) || f.Held() {
		t.Error("held back")
	}
	f.Closed(&n)
	f.Release()
}

// TestConcurrently: whatever the order in which packets come and are handled, in the
// end nothing is ahead and nobody is held back.
func TestConcurrently(t *testing.T) {
	const packets = 20_000
	clients := NewClients(Limits{Packets: 100})
	var f Flow
	var n Namespace
	tasks := make(chan func(), 1<<20)
	q := behind(func(task func()) { tasks <- func() { tasks <- task } })
	f.Init(clients, namespacesOf(func(visit func(*Namespace, Queue)) { visit(&n, q) }))
	done := make(chan struct{})
	var handler sync.WaitGroup
	handler.Go(func() {
		for {
			select {
			case task := <-tasks:
				task()
			case <-done:
				return
			}
		}
	})
	most := 0
	for i := range packets {
		for resumed := make(chan struct{}); f.Hold(func() { close(resumed) }); resumed = make(chan struct{}) {
			<-resumed
		}
		f.Came(3)
		f.Passed(&n, q)
		tasks <- func() {
			tasks <- func() {
				if i == packets-1 {
					close(done)
				}
			}
		}
		f.mu.Lock()
		most = max(most, f.packets)
		f.mu.Unlock()
	}
	<-done
	f.Closed(&n)
	handler.Wait()
	if f.packets != 0 || f.bytes != 0 || clients.Held() != 0 || most > 100 {
		t.Errorf("%d packets and %d bytes left, %d held, most %d", f.packets, f.bytes, clients.Held(), most)
	}
}

type namespacesOf func(visit func(*Namespace, Queue))

func (n namespacesOf) Namespaces(visit func(*Namespace, Queue)) { n(visit) }

type behind func(task func())

func (b behind) Behind(task func()) { b(task) }

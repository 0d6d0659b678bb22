package socketio

import "testing"

// TestClientStats: clients by transport, how many have come and gone, and what they have
// sent.
func TestClientStats(t *testing.T) {
	s := serve(t, lonely{})
	stats := func() ClientStats { return s.constructor.ClientStats() }
	if got := stats(); got.QueuedLimit == 0 || got.Connections+got.Disconnections != 0 {
		t.Errorf("before the first client: %+v", got)
	}
	handled := make(chan struct{}, 3)
	c, sock := s.client("/")
	_ = sock.On("ev", func(...any) { handled <- struct{}{} })
	s.polling()
	for range cap(handled) {
		c.send(`2["ev"]`)
		within(t, handled)
	}
	if got := stats(); got.WebSocket != 1 || got.Polling != 1 || got.OtherTransports != 0 || got.Connections != 2 || got.Disconnections != 0 || got.PacketsIn != 3 {
		t.Errorf("two clients and three events: %+v", got)
	}
	sock.Join("a", "b")
	if got := stats(); got.Sockets != 2 || got.Rooms != 2 {
		t.Errorf("two sockets, one of them in two rooms: %+v", got)
	}
	c.close()
	eventually(t, "gone", func() bool { return stats().Disconnections == 1 })
	if got := stats(); got.WebSocket != 0 || got.Polling != 1 || got.Connections != 2 {
		t.Errorf("one has gone: %+v", got)
	}
}

// TestConnectionsDoNotGoBack: a client that is there a moment before it counts as come
// has not gone, and who has gone stays so.
func TestConnectionsDoNotGoBack(t *testing.T) {
	var c connections
	if came, left := c.counts(1); came != 0 || left != 0 {
		t.Errorf("early: %d came, %d left", came, left)
	}
	c.opened()
	c.opened()
	if came, left := c.counts(0); came != 2 || left != 2 {
		t.Errorf("gone: %d came, %d left", came, left)
	}
	if _, left := c.counts(1); left != 2 {
		t.Errorf("another one, early: %d left", left)
	}
}

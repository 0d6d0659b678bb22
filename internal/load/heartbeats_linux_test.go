package load

import (
	"testing"
	"time"
)

// TestUnreadPingIsAPing: clients do not give a server up whose ping has come while their
// own process had no time for it.
func TestUnreadPingIsAPing(t *testing.T) {
	t.Parallel()
	f := &fake{hello: handshake("600000", "600000")}
	w := connected(t, Plan{URLs: []string{startFake(t, f)}, Clients: 1, Heartbeats: true})
	err := w.call(func() { // so nothing is read meanwhile
		s := &w.sessions[0]
		f.ping()
		for began := time.Now(); !w.wire.unread(s); {
			if time.Since(began) > patience {
				t.Error("the ping does not come")
				return
			}
		}
		s.heard, w.beats.checked = w.now-int64(time.Hour), 0
		w.beats.step(w)
		if s.phase != ready {
			t.Error("the server is given up")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

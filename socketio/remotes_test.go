package socketio

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func TestRemotesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRemotes()
		key := remoteKey{id: "one"}
		one := new(remote)
		knows := func() bool { return r.find(1, func(int) remoteKey { return key })[0] == one }
		pass := func(quarters time.Duration) {
			time.Sleep(quarters * remotesLive / 4) // the bubble's time
			synctest.Wait()
		}
		r.use()
		r.put(key, one)
		pass(3)
		r.use()
		pass(3)
		if !knows() {
			t.Error("forgotten while it is asked for")
		}
		pass(1)
		if knows() {
			t.Error("kept")
		}

		r.use()
		r.put(key, one)
		pass(3)
		if !knows() {
			t.Error("forgotten after it had been forgotten")
		}
		pass(1)
		if knows() {
			t.Error("kept after it had been forgotten")
		}
	})
}

func TestRemotesAreBounded(t *testing.T) {
	r := newRemotes()
	for i := range 5 * maxRemotes {
		r.put(remoteKey{id: socket.SocketId(rune(i))}, new(remote))
	}
	if n := r.known.Len(); n > 2*maxRemotes {
		t.Errorf("%d are kept", n)
	}
}

package sendqueue

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/internal/await"
	"github.com/socketmesh/mesh/internal/backlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watcher is an owner that passes on what it is told.
type watcher struct {
	sent   chan int
	failed chan error
}

func (w *watcher) Sent(marks int)   { w.sent <- marks }
func (w *watcher) Failed(err error) { w.failed <- err }

func watch() *watcher {
	return &watcher{sent: make(chan int, 1000), failed: make(chan error, 10)}
}

// kinds are connections that the scheduler treats differently.
var kinds = map[string]func(t *testing.T) (near, far net.Conn){"tcp": tcp, "opaque": opaque}

// each runs a test with both kinds of connections, and a queue at the near end.
func each(t *testing.T, cfg Config, test func(t *testing.T, q *Queue, w *watcher, far net.Conn)) {
	for name, pair := range kinds {
		t.Run(name, func(t *testing.T) {
			near, far := pair(t)
			w := watch()
			q := NewScheduler(cfg).NewQueue(near, w)
			t.Cleanup(func() { q.Drop() })
			test(t, q, w, far)
		})
	}
}

func tcp(t *testing.T) (near, far net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if far, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	// Small buffers, so that they are soon full.
	_ = near.(*net.TCPConn).SetWriteBuffer(128 << 10)
	_ = far.(*net.TCPConn).SetReadBuffer(128 << 10)
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// opaque is TCP that cannot be told from a connection whose writes may block.
func opaque(t *testing.T) (near, far net.Conn) {
	near, far = tcp(t)
	return struct{ net.Conn }{near}, far
}

func receive(t *testing.T, far net.Conn, want string) {
	t.Helper()
	_ = far.SetReadDeadline(time.Now().Add(await.Patience))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(far, got); err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Fatalf("got  %.200q\nwant %.200q", got, want)
	}
}

func frame(s string) *Frame { return NewFrame([]byte(s)) }

// wantCut wants err to tell that a connection was cut for this reason, and what has
// waited for it.
func wantCut(t *testing.T, err error, reason backlog.Reason) {
	t.Helper()
	why, ok := errors.AsType[*backlog.Error](err)
	if !ok || !errors.Is(err, ErrSlow) || why.Reason != reason || why.Bytes == 0 || why.Messages == 0 {
		t.Errorf("not cut because %v: %#v", reason, err)
	}
}

// only is the counters with one connection that was cut.
func only(reason backlog.Reason) (cut [backlog.Reasons]int64) {
	cut[reason] = 1
	return cut
}

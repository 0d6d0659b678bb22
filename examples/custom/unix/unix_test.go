package unix_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/examples/custom/unix"
	"github.com/socketmesh/mesh/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	transporttest.Run(t, func(t *testing.T) transporttest.Fixture {
		dir := socketDir(t)
		return transporttest.Fixture{
			Transport:  unix.Transport{MaxFrame: 2 << 20},
			Listen:     "unix://" + filepath.Join(dir, "a.sock"),
			Nowhere:    "unix://" + filepath.Join(dir, "nobody.sock"),
			BadAddress: "ws://127.0.0.1:4000",
			MaxFrame:   2 << 20,
		}
	})
}

// TestDeadSocketMakesWay is what a server finds that was killed in its last life.
func TestDeadSocketMakesWay(t *testing.T) {
	path := filepath.Join(socketDir(t), "a.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	l, err := unix.Transport{}.Listen(t.Context(), "unix://"+path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// TestOtherFilesStay: what is no socket is not removed, although the system
// answers a dial to it in the same way.
func TestOtherFilesStay(t *testing.T) {
	path := filepath.Join(socketDir(t), "a.sock")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := (unix.Transport{}).Listen(t.Context(), "unix://"+path); err == nil {
		l.Close()
		t.Error("Listen has worked")
	}
	if text, err := os.ReadFile(path); string(text) != "precious" {
		t.Errorf("the file is %q, %v", text, err)
	}
}

// socketDir is a directory with a short path, as sockets need it.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "unix")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

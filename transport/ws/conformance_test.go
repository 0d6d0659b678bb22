package ws

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/transport/transporttest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // of parts that are given no logger
	goleak.VerifyTestMain(m)
}

func TestConformance(t *testing.T) {
	transporttest.Run(t, func(t *testing.T) transporttest.Fixture {
		return transporttest.Fixture{
			Transport:  New(Options{MaxFrame: 2 << 20, CloseTimeout: 300 * time.Millisecond}),
			Listen:     "127.0.0.1:0",
			Nowhere:    "ws://" + freePort(t),
			BadAddress: "mem://somewhere",
			MaxFrame:   2 << 20,
		}
	})
}

// The same over TLS, with certificates at both ends.
func TestConformanceTLS(t *testing.T) {
	config := mutual(t, issue(t, "127.0.0.1"))
	transporttest.Run(t, func(t *testing.T) transporttest.Fixture {
		return transporttest.Fixture{
			Transport:  New(Options{MaxFrame: 2 << 20, CloseTimeout: 300 * time.Millisecond, TLS: config, Secure: true}),
			Listen:     "127.0.0.1:0",
			Nowhere:    "wss://" + freePort(t),
			BadAddress: "ws://127.0.0.1:1",
			MaxFrame:   2 << 20,
		}
	})
}

// freePort is an address at which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

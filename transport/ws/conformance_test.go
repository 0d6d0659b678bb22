package ws

import (
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/internal/loopback"
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
			Nowhere:    "ws://" + loopback.FreeAddress(t),
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
			Nowhere:    "wss://" + loopback.FreeAddress(t),
			BadAddress: "ws://127.0.0.1:1",
			MaxFrame:   2 << 20,
		}
	})
}

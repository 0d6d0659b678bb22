package socketio

import (
	"flag"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/internal/await"
)

func TestMain(m *testing.M) {
	if task := os.Getenv(swarmEnv); task != "" {
		beSwarm(task)
		return
	}
	if maxConnecting := os.Getenv(stormEnv); maxConnecting != "" {
		serveStorm(maxConnecting)
		return
	}
	flag.Parse()
	if err := flag.Set("test.parallel", parallel); err != nil {
		panic(err)
	}
	slog.SetDefault(slog.New(slog.DiscardHandler)) // of parts that are given no logger
	goleak.VerifyTestMain(m)
}

// parallel is how many of those tests run at once that wait for a timeout.
const parallel = "8"

// ended waits until ch is closed.
func ended(t *testing.T, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(await.Patience):
		t.Fatal("never ended")
	}
}

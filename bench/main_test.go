package bench

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"
)

// TestMain looks for goroutines that are left behind. The Socket.IO server may
// set the timers of a connection just after that has ended, if it was very
// short; they end by themselves, in less than a minute.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // of parts that are given no logger
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetTimeout.func1"))
}

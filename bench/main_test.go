package bench

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain looks for goroutines that are left behind. The Socket.IO server may
// set the timers of a connection just after that has ended, if it was very
// short; they end by themselves, in less than a minute.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetTimeout.func1"))
}

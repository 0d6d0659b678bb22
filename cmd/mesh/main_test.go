package main

import (
	"os"
	"slices"
	"testing"

	"github.com/urfave/cli/v3"
	"go.uber.org/goleak"
)

// TestMain looks for goroutines that are left behind. The Socket.IO server may
// set the timers of a connection just after that has ended, if it was very
// short; they end by themselves, in less than a minute.
//
// `mesh demo` and `mesh bench` start processes of the program that they are in, which is
// this one here.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.ContainsFunc(slices.Concat(commands(), roles()), func(c *cli.Command) bool { return c.Name == os.Args[1] }) {
		main()
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetTimeout.func1"))
}

// Package stack puts every transport with every codec through the same scenarios:
// nodes with hosts of sockets that are entries in a table, so that what is tested
// is what lies between. Nodes linked in memory live in a bubble of virtual time;
// the others are linked by real sockets, and those that are killed or stopped are
// processes of their own.
package stack

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if order := os.Getenv(orderVariable); order != "" {
		os.Exit(serve(order))
	}
	goleak.VerifyTestMain(m)
}

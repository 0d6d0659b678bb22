// Package wire tests a Go server against nodes of the reference that are played by
// hand, byte for byte, over real WebSockets.
package wire

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

package quic

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/internal/loopback"
	"github.com/socketmesh/mesh/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	options := Options{AuthToken: "secret", MaxFrame: 2 << 20, HandshakeTimeout: 20 * time.Second, CloseTimeout: 300 * time.Millisecond}
	transport := like(options)
	options.HandshakeTimeout = 600 * time.Millisecond
	hasty := like(options)
	transporttest.Run(t, func(t *testing.T) transporttest.Fixture {
		f := transporttest.Fixture{
			Transport:  transport,
			Listen:     "127.0.0.1:0",
			Nowhere:    "quic://" + loopback.FreeAddress(t),
			BadAddress: "mem://somewhere",
			MaxFrame:   2 << 20,
			Patience:   patience,
		}
		if strings.HasSuffix(t.Name(), "/DialNamesUnreachableAddress") || strings.HasSuffix(t.Name(), "/ClosedIsNotDialled") {
			f.Dialler = hasty // nobody says that nobody is there
		}
		return f
	})
}

package quic

import (
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	transport := New(Options{
		MaxFrame:         2 << 20,
		HandshakeTimeout: 4 * time.Second,
		CloseTimeout:     300 * time.Millisecond,
		Token:            "secret",
	})
	transporttest.Run(t, func(t *testing.T) transporttest.Fixture {
		return transporttest.Fixture{
			Transport:  transport,
			Listen:     "127.0.0.1:0",
			Nowhere:    "quic://" + freePort(t),
			BadAddress: "mem://somewhere",
			MaxFrame:   2 << 20,
		}
	})
}

// freePort is an address at which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.LocalAddr().String()
}

package mem_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/transport/mem"
	"github.com/socketmesh/mesh/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fixture(*testing.T) transporttest.Fixture {
	n := mem.NewNetwork(mem.WithMaxFrame(2 << 20))
	return transporttest.Fixture{
		Transport: n.Transport("acceptor"),
		Dialler:   n.Transport("dialler"),
		Nowhere:   "mem://nowhere",
		MaxFrame:  2 << 20,
	}
}

func TestConformance(t *testing.T) { transporttest.Run(t, fixture) }

func TestConformanceInBubble(t *testing.T) { transporttest.RunInBubble(t, fixture) }

// The contract holds on a network with latency.
func TestConformanceWithDelay(t *testing.T) {
	transporttest.RunInBubble(t, func(*testing.T) transporttest.Fixture {
		n := mem.NewNetwork(mem.WithMaxFrame(2 << 20))
		n.Delay("acceptor", "dialler", 20*time.Millisecond)
		n.Delay("dialler", "acceptor", 50*time.Millisecond)
		return transporttest.Fixture{
			Transport: n.Transport("acceptor"),
			Dialler:   n.Transport("dialler"),
			Nowhere:   "mem://nowhere",
			MaxFrame:  2 << 20,
		}
	})
}

// The contract holds for each stream of connections whose streams overtake each other.
func TestConformanceWithStreams(t *testing.T) {
	transporttest.RunInBubble(t, func(*testing.T) transporttest.Fixture {
		n := mem.NewNetwork(mem.WithMaxFrame(2<<20), mem.WithStreams(3, 10*time.Millisecond))
		return transporttest.Fixture{
			Transport: n.Transport("acceptor"),
			Dialler:   n.Transport("dialler"),
			Nowhere:   "mem://nowhere",
			MaxFrame:  2 << 20,
		}
	})
}

package mem_test

import (
	"testing"

	"github.com/socketmesh/mesh/transport/mem"
	"github.com/socketmesh/mesh/transport/transporttest"
)

func BenchmarkSend(b *testing.B) {
	n := mem.NewNetwork()
	transporttest.BenchmarkSend(b, transporttest.Fixture{Transport: n.Transport("a"), Dialler: n.Transport("b")})
}

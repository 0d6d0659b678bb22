package msgpack

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/codec/codectest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) { codectest.Run(t, New(), codectest.Reference()) }

func FuzzDecode(f *testing.F) {
	for _, v := range readVectors(f, "v2-cluster.json") {
		f.Add(v.frame(f))
	}
	codectest.FuzzDecode(f, New(), codectest.Reference())
}

func BenchmarkCodec(b *testing.B) { codectest.Bench(b, New()) }

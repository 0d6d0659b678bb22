package cbor_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/codec/codectest"
	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/examples/custom/cbor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) { codectest.Run(t, cbor.New()) }

// What others carry comes back the same from this one.
func TestEquivalence(t *testing.T) {
	codectest.Equivalence(t, codectest.Subject{Codec: json.New()}, codectest.Subject{Codec: cbor.New()})
}

func FuzzDecode(f *testing.F) { codectest.FuzzDecode(f, cbor.New()) }

func BenchmarkCodec(b *testing.B) { codectest.Bench(b, cbor.New()) }

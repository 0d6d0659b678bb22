package proto

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/codec/codectest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) { codectest.Run(t, New()) }

func FuzzDecode(f *testing.F) { codectest.FuzzDecode(f, New()) }

func BenchmarkCodec(b *testing.B) { codectest.Bench(b, New()) }

package quic

import (
	"testing"

	"github.com/socketmesh/mesh/transport/transporttest"
)

func BenchmarkSend(b *testing.B) {
	transporttest.BenchmarkSend(b, transporttest.Fixture{Transport: New(Options{AuthToken: "secret"}), Listen: "127.0.0.1:0"})
}

func BenchmarkLatency(b *testing.B) {
	transporttest.BenchmarkLatency(b, transporttest.Fixture{Transport: New(Options{AuthToken: "secret"}), Listen: "127.0.0.1:0"})
}

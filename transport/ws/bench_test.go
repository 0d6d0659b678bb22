package ws

import (
	"testing"

	"github.com/socketmesh/mesh/transport/transporttest"
)

func BenchmarkSend(b *testing.B) {
	transporttest.BenchmarkSend(b, transporttest.Fixture{Transport: New(Options{}), Listen: "127.0.0.1:0"})
}

func BenchmarkSendTLS(b *testing.B) {
	transport := New(Options{TLS: mutual(b, issue(b, "127.0.0.1"))})
	transporttest.BenchmarkSend(b, transporttest.Fixture{Transport: transport, Listen: "127.0.0.1:0"})
}

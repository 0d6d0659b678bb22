// Package codec_test compares the codecs with each other. It is apart because no codec
// imports another.
package codec_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/codec/codectest"
	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/codec/msgpack"
	"github.com/socketmesh/mesh/codec/proto"
)

var subjects = []codectest.Subject{
	{Codec: json.New()},
	{Codec: msgpack.New(), Options: []codectest.Option{codectest.Reference()}},
	{Codec: proto.New()},
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEquivalence(t *testing.T) { codectest.Equivalence(t, subjects...) }

func FuzzEquivalence(f *testing.F) { codectest.FuzzEquivalence(f, subjects...) }

package rolling

import (
	"slices"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/codec/msgpack"
	"github.com/socketmesh/mesh/codec/proto"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/node"
)

// release is what a server runs: an application at one time.
type release struct {
	codecs  []core.Codec // the preferred one first
	dialect *node.Dialect
}

// Releases that differ by the codec they prefer.
var (
	prefersJSON    = release{codecs: []core.Codec{json.New(), msgpack.New(), proto.New()}}
	prefersProto   = release{codecs: []core.Codec{proto.New(), json.New(), msgpack.New()}}
	prefersMsgpack = release{codecs: []core.Codec{msgpack.New(), json.New(), proto.New()}}
	prefersOwn     = release{codecs: []core.Codec{own{json.New()}, json.New(), msgpack.New(), proto.New()}}
)

// own is a codec that a user has written.
type own struct{ core.Codec }

func (own) Name() string { return "own" }

// A later one says more in its introduction than today's nodes know.
var (
	version1 = release{codecs: prefersJSON.codecs}
	version2 = release{codecs: prefersJSON.codecs, dialect: &node.Dialect{Min: 1, Max: 2, Feature: "telepathy", Member: "mood"}}
	version3 = release{codecs: prefersJSON.codecs, dialect: &node.Dialect{Min: 2, Max: 3, Feature: "telepathy", Member: "mood"}}
)

// writesTo is the codec in which one release has to write to another: the first of
// its own that the other knows.
func (r release) writesTo(other release) string {
	i := slices.IndexFunc(r.codecs, func(c core.Codec) bool {
		return slices.ContainsFunc(other.codecs, func(o core.Codec) bool { return o.Name() == c.Name() })
	})
	return r.codecs[i].Name()
}

// speaksWith is the version that two releases have to speak: the latest that both
// know.
func (r release) speaksWith(other release) int {
	return min(r.latest(), other.latest())
}

func (r release) latest() int {
	if r.dialect == nil {
		return 1
	}
	return r.dialect.Max
}

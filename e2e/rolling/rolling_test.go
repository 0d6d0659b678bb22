package rolling

import (
	"testing"

	"github.com/socketmesh/mesh/transport/quic"
	"github.com/socketmesh/mesh/transport/ws"
)

// A mesh moves from one codec to another, and back. Each server writes in the one
// it prefers from the moment it is back.
func TestCodec(t *testing.T) {
	t.Parallel()
	m := begin(t, ws.New(ws.Options{}), roster(), prefersJSON)
	m.roll(prefersProto)
	m.roll(prefersJSON)
	m.settle()
}

// The same over QUIC, where servers know each other by address only, by way of the
// reference's codec. It is not parallel: of two links of a pair, one has two seconds to
// answer.
func TestCodecOverQUIC(t *testing.T) {
	m := begin(t, quic.New(quic.Options{AuthToken: "a secret of these tests"}), addresses{roster()}, prefersJSON)
	m.roll(prefersMsgpack)
	m.roll(prefersProto)
	m.settle()
}

// A mesh moves to the next version of the protocol and to one that has dropped the
// first, and half of the way back. It is not parallel, for the same reason.
func TestVersion(t *testing.T) {
	m := begin(t, ws.New(ws.Options{}), addresses{roster()}, version1)
	m.roll(version2)
	m.roll(version3)
	m.roll(version2)
	m.settle()
}

// A server that prefers a codec of its own is one of the mesh, and so are others
// that come to know it; and it can be given up again half-way.
func TestOwnCodec(t *testing.T) {
	t.Parallel()
	m := begin(t, ws.New(ws.Options{}), roster(), prefersProto)
	m.restart(0, prefersOwn)
	m.restart(1, prefersOwn)
	m.restart(2, prefersJSON)
	m.restart(0, prefersProto)
	m.restart(1, prefersProto)
	m.settle()
}

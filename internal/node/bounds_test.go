package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/core"
)

// TestInterestOfAPeerIsBounded: what a peer tells of namespaces, open here or not, takes
// no more than the bound. What does not fit is not forgotten silently: the peer gets
// everything.
func TestInterestOfAPeerIsBounded(t *testing.T) {
	var r remoteInterest
	update := interestUpdate{first: true, last: true, adds: []uint32{1, 2, 3}}
	name := func(i int) string { return fmt.Sprintf("/%d%s", i, strings.Repeat("x", 16<<10)) }
	for i := range 3 * maxInterestBytes / (16 << 10) / 2 {
		r.take(name(i), update)
	}
	if n := len(r.byNamespace) * (16 << 10); n > maxInterestBytes || n < maxInterestBytes/2 {
		t.Errorf("the names take %d bytes", n)
	}
	if r.wants(name(0), []uint32{4}) {
		t.Error("what is known is not used")
	}
	if !r.wants(name(3*maxInterestBytes/(16<<10)/2-1), []uint32{4}) {
		t.Error("a namespace that did not fit does not get everything")
	}
	for i := range 3 * maxInterestBytes / (16 << 10) / 2 {
		r.forget(name(i))
	}
	if r.bytes != 0 {
		t.Errorf("%d bytes are counted when all is forgotten", r.bytes)
	}

	r.bytes = maxInterestBytes - 1<<20 // as if there were other namespaces
	adds := make([]uint32, maxUpdateRooms)
	next, overran := uint32(1), false
	for i := range 200 {
		for j := range adds {
			adds[j], next = next, next+1
		}
		r.take("/", interestUpdate{first: i == 0, last: i == 0, adds: adds})
		if n := r.byNamespace["/"].rooms.size(); n > 1<<20 {
			t.Fatalf("the rooms of one namespace take %d bytes", n)
		}
		overran = overran || !r.byNamespace["/"].current
	}
	if !overran || !r.wants("/", []uint32{1 << 31}) {
		t.Error("the peer does not get everything")
	}
	if r.bytes != maxInterestBytes-1<<20+r.byNamespace["/"].size("/") {
		t.Errorf("%d bytes are counted", r.bytes)
	}
	r.take("/", update)
	r.doubt()
	if r.forget("/"); r.bytes != maxInterestBytes-1<<20 {
		t.Errorf("%d bytes are counted in the end", r.bytes)
	}
}

// TestInterestFramesAreBounded: a frame with more rooms than nodes send is not taken.
func TestInterestFramesAreBounded(t *testing.T) {
	ns := newNamespace(&Node{}, "/")
	for adds, good := range map[int]bool{maxUpdateRooms: true, maxUpdateRooms + 1: false, 1 << 20: false} {
		f := newInterestFrame(ns, interestUpdate{adds: make([]uint32, adds)})
		if _, _, err := decodeInterest(f.bytes[1:]); good != (err == nil) || !good && !errors.Is(err, core.ErrMalformed) {
			t.Errorf("%d rooms: %v", adds, err)
		}
	}
	f := newInterestFrame(ns, interestUpdate{adds: make([]uint32, maxUpdateRooms), removes: []uint32{1}})
	if _, _, err := decodeInterest(f.bytes[1:]); !errors.Is(err, core.ErrMalformed) {
		t.Errorf("too many in two lists: %v", err)
	}
}

// TestBatchesAreBounded: one frame does not make a node decode millions of messages.
func TestBatchesAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		frame []byte
		taken int
		want  error
	}{
		"as nodes send":  {[]byte(strings.Repeat("\x01m", maxBatch)), maxBatch, nil},
		"one more":       {[]byte(strings.Repeat("\x01m", maxBatch+1)), maxBatch, errLargeBatch},
		"empty messages": {make([]byte, 1<<20), 0, errBatch},
		"one is empty":   {[]byte("\x01m\x00\x01m"), 1, errBatch},
		"cut off":        {binary.AppendUvarint(nil, 1<<40), 0, errBatch},
	} {
		taken := 0
		err := unpack(c.frame, func([]byte) error { taken++; return nil })
		if taken != c.taken || !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %d taken, %v", name, taken, err)
		}
	}
}

// TestNamespacesOfAPeerAreBounded: their number, and what their names take.
func TestNamespacesOfAPeerAreBounded(t *testing.T) {
	n, err := New(core.Config{Transport: noTransport{}, Codecs: []core.Codec{noCodec{}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := interestedPeer(n, "p")
	for i := range maxNamespaces + 10 {
		p.mark(fmt.Sprint("/", i), 0)
	}
	if len(p.open) != maxNamespaces {
		t.Errorf("%d namespaces", len(p.open))
	}
	for i := range maxNamespaces {
		p.unmark(fmt.Sprint("/", i))
		p.unmark(fmt.Sprint("/", i))
	}
	long := strings.Repeat("x", maxNamespaceBytes/4)
	for i := range 10 {
		p.mark(fmt.Sprint(i, long), 0)
		p.mark(fmt.Sprint(i, long), 1)
	}
	if len(p.open) != 3 || p.openBytes > maxNamespaceBytes {
		t.Errorf("%d long names, %d bytes", len(p.open), p.openBytes)
	}
}

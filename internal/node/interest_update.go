package node

import (
	"encoding/binary"
	"fmt"

	"github.com/socketmesh/mesh/core"
)

// interestUpdate is the content of an INTEREST frame, about one namespace of the sender.
type interestUpdate struct {
	first   bool     // adds are the beginning of a list of all rooms with members, which replaces what was sent before
	last    bool     // the list ends with this frame
	current bool     // the receiver had no link, and has now got all changes from that time
	mark    bool     // the sender wants an answer when everything that it sent before has been processed
	covered bool     // answers a mark: all changes from before it was processed have been sent
	number  uint64   // of the mark
	adds    []uint32 // hashes of rooms that have got members
	removes []uint32 // hashes of rooms that have no members any more
}

// The byte behind the namespace in an INTEREST frame says which kind of update it is.
// Nodes that know only the first two kinds do not accept a list in several frames as
// complete, and send every message.
const (
	updateChanges = 0
	updateAll     = 1 // first and last
	updateFirst   = 2
	updateLast    = 3
	updateCurrent = 4
	updateMark    = 5
	updateCovered = 6
)

// newInterestFrame encodes an update; the caller holds the frame. After the first byte
// come the namespace's name behind its length, a byte for the kind of update, and the two
// lists, each behind its length, with four bytes per hash; and behind these, for a mark
// and its answer, the number.
func newInterestFrame(ns *namespace, n interestUpdate) *frame {
	f := takeFrame(1 + 2*binary.MaxVarintLen16 + len(ns.name) + 1 + 4*(len(n.adds)+len(n.removes)) + binary.MaxVarintLen64)
	b := append(f.bytes[:0], frameInterest)
	b = binary.AppendUvarint(b, uint64(len(ns.name)))
	b = append(b, ns.name...)
	switch {
	case n.current:
		b = append(b, updateCurrent)
	case n.mark:
		b = append(b, updateMark)
	case n.covered:
		b = append(b, updateCovered)
	case n.first && n.last:
		b = append(b, updateAll)
	case n.first:
		b = append(b, updateFirst)
	case n.last:
		b = append(b, updateLast)
	default:
		b = append(b, updateChanges)
	}
	for _, list := range [][]uint32{n.adds, n.removes} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, h := range list {
			b = binary.LittleEndian.AppendUint32(b, h)
		}
	}
	if n.mark || n.covered {
		b = binary.AppendUvarint(b, n.number)
	}
	f.bytes = b
	f.kind, f.volatile, f.stream, f.traced = core.KindInterest, false, ns.stream, 0
	f.refs.Store(1)
	f.writes.Store(1)
	return f
}

// decodeInterest decodes such a frame, without its first byte.
func decodeInterest(src []byte) (namespace string, n interestUpdate, err error) {
	r := interestReader{uvarintReader{src: src}}
	namespace = string(r.take(r.length(1)))
	if len(r.src) > 0 {
		what := r.take(1)[0]
		n.first = what == updateAll || what == updateFirst
		n.last = what == updateAll || what == updateLast
		n.current = what == updateCurrent
		n.mark = what == updateMark
		n.covered = what == updateCovered
	}
	n.adds = r.list()
	n.removes = r.list()
	if n.mark || n.covered {
		n.number = r.next()
	}
	if len(n.adds)+len(n.removes) > maxUpdateRooms {
		return "", interestUpdate{}, fmt.Errorf("%w: interest: %d rooms in one frame", core.ErrMalformed, len(n.adds)+len(n.removes))
	}
	if r.bad {
		return "", interestUpdate{}, fmt.Errorf("%w: interest", core.ErrMalformed)
	}
	return namespace, n, nil
}

// interestReader reads the fields until one of them is malformed. Bytes behind the last
// field belong to later versions.
type interestReader struct{ uvarintReader }

// length reads the number of the items that follow, each of so many bytes.
func (r *interestReader) length(size int) int {
	n, width := binary.Uvarint(r.src)
	if width <= 0 || n > uint64(len(r.src)-width)/uint64(size) {
		r.bad = true
		return 0
	}
	r.src = r.src[width:]
	return int(n)
}

func (r *interestReader) take(n int) []byte {
	b := r.src[:n]
	r.src = r.src[n:]
	return b
}

func (r *interestReader) list() []uint32 {
	b := r.take(4 * r.length(4))
	if len(b) > 4*maxUpdateRooms {
		r.bad = true
		return nil
	}
	list := make([]uint32, 0, len(b)/4)
	for ; len(b) > 0; b = b[4:] {
		list = append(list, binary.LittleEndian.Uint32(b))
	}
	return list
}

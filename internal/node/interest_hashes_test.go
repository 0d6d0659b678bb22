package node

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/socketmesh/mesh/core"
)

// A set of hashes holds the same as a map, while it grows, shrinks and has gaps.
func TestHashesAgainstMap(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var s hashes
		want := map[uint32]bool{}
		for range 20_000 {
			h := 1 + uint32(rnd.IntN(1+int(seed)*100))
			if seed%2 == 0 {
				h <<= 20 // all in few places
			}
			if rnd.IntN(10) < 5+rnd.IntN(2) {
				s.add(h)
				want[h] = true
			} else {
				s.remove(h)
				delete(want, h)
			}
			if s.has(h) != want[h] || s.count != len(want) {
				t.Fatalf("seed %d: %d: has %v, count %d; want %v, %d", seed, h, s.has(h), s.count, want[h], len(want))
			}
		}
		for h := range want {
			if !s.has(h) {
				t.Fatalf("seed %d: %d is missing", seed, h)
			}
		}
	}
}

// TestForgedHashes: a peer that chooses its hashes so that all would fall on one place of one
// set gains nothing at another one, whose seed it does not know.
func TestForgedHashes(t *testing.T) {
	const count = 2 * partedAt
	var known hashes
	known.add(1)
	for name, falls := range map[string]func(h uint32) bool{
		"on one place of another set": func(h uint32) bool { return known.scatter(h)>>24 == 7 },
		"in one part of another set":  func(h uint32) bool { return known.scatter(h)<<24 == 7<<24 },
		"on one place without a seed": func(h uint32) bool { return h*2654435769>>24 == 7 },
		"close to each other":         func(h uint32) bool { return h < 1<<20 },
		"alike in their low bits":     func(h uint32) bool { return h&0x3ff == 1 },
	} {
		t.Run(name, func(t *testing.T) {
			var s hashes
			for h := uint32(1); h != 0 && s.count < count; h++ {
				if falls(h) {
					s.add(h)
				}
			}
			if s.count < count {
				t.Fatalf("only %d hashes are forged", s.count)
			}
			longest := 0
			for i := range s.parts {
				run := 0
				for _, h := range s.parts[i].slots {
					if run++; h == 0 {
						run = 0
					}
					longest = max(longest, run)
				}
			}
			if longest > 200 {
				t.Errorf("%d hashes stand in a row, of %d in %d parts", longest, s.count, len(s.parts))
			}
		})
	}
}

// A large set grows and shrinks in small parts, one at a time.
func TestHashesInParts(t *testing.T) {
	const count = 10 * partedAt
	var s hashes
	name := func(i int) uint32 { return hashOf(fmt.Sprint("room", i)) }
	want := map[uint32]bool{}
	for i := range count {
		s.add(name(i))
		s.add(name(i)) // which changes nothing
		want[name(i)] = true
		if s.count != len(want) {
			t.Fatalf("count %d, want %d", s.count, len(want))
		}
	}
	for i := range s.parts {
		if n := s.parts[i].count; n > 2*count>>partBits {
			t.Errorf("part %d has %d of %d", i, n, count)
		}
	}
	for i := range count {
		if !s.has(name(i)) {
			t.Fatalf("%d is missing", i)
		}
	}
	for i := range count - 10 {
		s.remove(name(i))
		delete(want, name(i))
	}
	for i := range count {
		if s.has(name(i)) != want[name(i)] {
			t.Fatalf("%d: %v", i, s.has(name(i)))
		}
	}
	if s.parts != nil || s.count != len(want) {
		t.Errorf("%d parts, count %d of %d", len(s.parts), s.count, len(want))
	}
}

func TestHashOfIsTheSameOnAllNodes(t *testing.T) {
	for room, want := range map[string]uint32{"": 0x4fd0bfc1, "room": 0x53919ac5, "ÿ": 0xbdda0f30} {
		if got := hashOf(room); got != want {
			t.Errorf("%q: %#x, want %#x", room, got, want)
		}
	}
}

func TestInterestFrame(t *testing.T) {
	ns := newNamespace(&Node{}, "/chat")
	for want, n := range map[string]interestUpdate{
		"08052f6368617400" + "0201000000ffffffff" + "0104030201": {adds: []uint32{1, 1<<32 - 1}, removes: []uint32{0x01020304}},
		"08052f6368617401" + "00" + "00":                         {first: true, last: true, adds: []uint32{}, removes: []uint32{}},
		"08052f6368617405" + "00" + "00" + "ac02":                {mark: true, number: 300},
		"08052f6368617406" + "00" + "00" + "ac02":                {covered: true, number: 300},
	} {
		f := newInterestFrame(ns, n)
		if got := fmt.Sprintf("%x", f.bytes); got != want {
			t.Errorf("frame %s, want %s", got, want)
		}
		name, got, err := decodeInterest(f.bytes[1:])
		if err != nil || name != "/chat" || got.first != n.first || got.last != n.last || got.mark != n.mark || got.covered != n.covered || got.number != n.number || len(got.adds) != len(n.adds) || len(got.removes) != len(n.removes) {
			t.Errorf("decoded %q %+v %v", name, got, err)
		}
		for size := range len(f.bytes) - 1 {
			if _, _, err := decodeInterest(f.bytes[1 : 1+size]); !errors.Is(err, core.ErrMalformed) {
				t.Errorf("%d bytes of it: %v", size, err)
			}
		}
		f.release()
	}
}

// FuzzInterest reads any bytes as an update, and what it reads can be written again.
func FuzzInterest(f *testing.F) {
	frame := newInterestFrame(newNamespace(&Node{}, "/"), interestUpdate{first: true, last: true, adds: []uint32{1, 2, 3}, removes: []uint32{4}})
	f.Add(frame.bytes[1:])
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add([]byte{0, 0, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, src []byte) {
		name, n, err := decodeInterest(src)
		if err != nil {
			return
		}
		again := newInterestFrame(newNamespace(&Node{}, name), n)
		defer again.release()
		name2, n2, err := decodeInterest(again.bytes[1:])
		if err != nil || name2 != name || !reflect.DeepEqual(n2, n) {
			t.Errorf("%q %+v became %q %+v, %v", name, n, name2, n2, err)
		}
		var v remoteInterest
		v.take(name, n)
		v.wants(name, n.adds)
	})
}

// BenchmarkHashes measures a set of the rooms of a peer: finding one, missing one, and
// adding and removing one.
func BenchmarkHashes(b *testing.B) {
	for _, count := range []int{1_000, 100_000, 1_000_000} {
		var s hashes
		names := make([]uint32, 2*count)
		for i := range names {
			names[i] = hashOf(fmt.Sprint("room", i))
		}
		for _, h := range names[:count] {
			s.add(h)
		}
		run := func(name string, from int, f func(h uint32)) {
			b.Run(fmt.Sprintf("%s/%d", name, count), func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					f(names[from+i*7919%count])
				}
			})
		}
		run("hit", 0, func(h uint32) { s.has(h) })
		run("miss", count, func(h uint32) { s.has(h) })
		run("add and remove", count, func(h uint32) { s.add(h); s.remove(h) })
	}
}

package node

import "math/rand/v2"

// hashes is a set of room hashes: open addressing with linear probing. There may be one
// hash for every socket of every peer, so memory counts. A set takes 6.5 to 8.4 bytes
// for each, a map[uint32]struct{} of Go 1.26 12 to 19, because it pads its empty values
// to four bytes (1,000 to 1,000,000 hashes). Finding a hash takes a third of the map's
// time, missing one half to four fifths; adding and removing up to 1.6 times as long. It
// shrinks when rooms go, which a map does not.
//
// A large set consists of parts, so that no single add waits for the whole to grow.
//
// A peer chooses its hashes. Each set, and each part, scatters them by a random number of
// its own: nobody can choose such that all fall on one place, and each takes a walk past all others.
type hashes struct {
	slots []uint32 // 0 is an empty one; len is a power of two
	parts []hashes // instead of slots
	count int
	seed  uint32 // drawn with the first slots
}

// The parts of a large set, and from how many hashes on there are parts.
const (
	partBits = 8
	partedAt = 1 << 14
)

// part is the part in which h is.
func (s *hashes) part(h uint32) *hashes { return &s.parts[s.scatter(h)>>(32-partBits)] }

// scatter gives each hash another one, by the set's seed. Each bit of the result depends on
// the seed: the second product brings the low bits up, which the shift has taken from the high ones.
func (s *hashes) scatter(h uint32) uint32 {
	h = (h ^ s.seed) * 2246822519
	return (h ^ h>>15) * 2654435769
}

// hashOf is the hash of a room's name, the same on all nodes; never 0. Two rooms of
// one hash count as one room, which costs a message now and then, and loses none.
func hashOf(room string) uint32 {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(room) {
		h = (h ^ uint64(room[i])) * 1099511628211
	}
	return max(1, uint32(h>>32^h))
}

// at is where h is, or the empty slot where it would be.
func (s *hashes) at(h uint32) int {
	mask := len(s.slots) - 1
	i := int(uint64(s.scatter(h)) * uint64(len(s.slots)) >> 32) // by its high bits
	for s.slots[i] != 0 && s.slots[i] != h {
		i = (i + 1) & mask
	}
	return i
}

// size is the memory that the set takes, roughly, without its own fields.
func (s *hashes) size() int {
	const part = 64 // fields of a set
	if s.parts == nil {
		return 4 * len(s.slots)
	}
	size := 0
	for i := range s.parts {
		size += part + 4*len(s.parts[i].slots)
	}
	return size
}

func (s *hashes) has(h uint32) bool {
	if s.parts != nil {
		s = s.part(h)
	}
	return len(s.slots) > 0 && s.slots[s.at(h)] == h
}

func (s *hashes) add(h uint32) {
	if s.count == partedAt {
		s.divide()
	}
	if s.parts == nil {
		s.put(h)
		return
	}
	part := s.part(h)
	before := part.count
	part.put(h)
	s.count += part.count - before
}

// divide makes parts, if there are none.
func (s *hashes) divide() {
	if s.parts != nil {
		return
	}
	s.parts = make([]hashes, 1<<partBits)
	for _, h := range s.slots {
		if h != 0 {
			s.part(h).put(h)
		}
	}
	s.slots = nil
}

// unite does without parts.
func (s *hashes) unite() {
	parts := s.parts
	*s = hashes{}
	for i := range parts {
		for _, h := range parts[i].slots {
			if h != 0 {
				s.put(h)
			}
		}
	}
}

func (s *hashes) put(h uint32) {
	if s.count >= len(s.slots)*4/5 {
		s.resize(max(8, 2*len(s.slots)))
	}
	if i := s.at(h); s.slots[i] == 0 {
		s.slots[i] = h
		s.count++
	}
}

func (s *hashes) remove(h uint32) {
	if !s.has(h) {
		return
	}
	if s.parts == nil {
		s.take(h)
		return
	}
	s.part(h).take(h)
	if s.count--; s.count < partedAt/8 {
		s.unite()
	}
}

// take closes the gap it makes, so that whatever was put behind is found.
func (s *hashes) take(h uint32) {
	mask := len(s.slots) - 1
	gap := s.at(h)
	s.slots[gap] = 0
	s.count--
	for i := (gap + 1) & mask; s.slots[i] != 0; i = (i + 1) & mask {
		moved := s.slots[i]
		s.slots[i] = 0
		s.slots[s.at(moved)] = moved
	}
	if len(s.slots) > 8 && s.count < len(s.slots)/8 {
		s.resize(len(s.slots) / 2)
	}
}

func (s *hashes) resize(size int) {
	old := s.slots
	if s.slots = make([]uint32, size); old == nil {
		s.seed = rand.Uint32()
	}
	for _, h := range old {
		if h != 0 {
			s.slots[s.at(h)] = h
		}
	}
}

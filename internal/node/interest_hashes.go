package node

import "math/rand/v2"

// hashes is a set of room hashes: open addressing with linear probing. There may be one
// hash for every socket of every peer, so memory counts. A set takes 6.5 to 8.4 bytes per
// hash; a map[uint32]struct{} of Go 1.26 takes 12 to 19, because it pads its empty values
// to four bytes (1,000 to 1,000,000 hashes). Compared with the map, finding a hash takes
// a third of the time, missing one half to four fifths, adding and removing up to 1.6
// times as long. A set shrinks when rooms go; a map does not.
//
// A large set consists of parts, so that no single add has to copy the whole set.
//
// A peer chooses its hashes. So each set, and each part, scatters them by its own random
// seed: a peer cannot choose hashes that all fall on one place, where each look-up would
// have to pass all the others.
type hashes struct {
	slots []uint32 // 0 is an empty one; len is a power of two
	parts []hashes // instead of slots
	count int
	seed  uint32 // drawn when the set gets its first slots
}

// A set of partedAt hashes is divided into 2^partBits parts.
const (
	partBits = 8
	partedAt = 1 << 14
)

// part returns the part to which h belongs.
func (s *hashes) part(h uint32) *hashes { return &s.parts[s.scatter(h)>>(32-partBits)] }

// scatter maps each hash to another one, by the set's seed. Every bit of the result
// depends on the seed: the shift brings high bits down, and the second product brings low
// bits up.
func (s *hashes) scatter(h uint32) uint32 {
	h = (h ^ s.seed) * 2246822519
	return (h ^ h>>15) * 2654435769
}

// hashOf returns the hash of a room's name, the same on all nodes; never 0. Two rooms
// with one hash count as one room: a message is then sent in vain now and then, and none
// is lost.
func hashOf(room string) uint32 {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(room) {
		h = (h ^ uint64(room[i])) * 1099511628211
	}
	return max(1, uint32(h>>32^h))
}

// at returns the index of h, or of the empty slot where it would be.
func (s *hashes) at(h uint32) int {
	mask := len(s.slots) - 1
	i := int(uint64(s.scatter(h)) * uint64(len(s.slots)) >> 32) // the high bits choose the slot
	for s.slots[i] != 0 && s.slots[i] != h {
		i = (i + 1) & mask
	}
	return i
}

// size returns roughly the memory of the set, without its own fields.
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

// divide divides the set into parts, unless it has parts.
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

// unite puts all hashes into one table, without parts.
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

// take removes h, and moves the hashes behind it so that they can still be found.
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

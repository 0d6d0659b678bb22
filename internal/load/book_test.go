package load

import (
	"math/rand/v2"
	"testing"
)

func TestBook(t *testing.T) {
	for name, c := range map[string]struct {
		seqs             []uint32 // after 0, which opens the book
		sent             uint32
		late, dup, lost  int
		lostWithoutCount int // of those that no later one follows
	}{
		"all well":              {[]uint32{1, 2, 3}, 4, 0, 0, 0, 0},
		"nothing after":         {[]uint32{1, 2}, 5, 0, 0, 2, 0},
		"one lost":              {[]uint32{1, 3}, 4, 0, 0, 1, 1},
		"swapped":               {[]uint32{2, 1, 3}, 4, 1, 0, 0, 0},
		"doubled":               {[]uint32{1, 1, 2}, 3, 0, 1, 0, 0},
		"late, and doubled":     {[]uint32{2, 1, 1}, 3, 1, 1, 0, 0},
		"from the middle":       {[]uint32{10, 5, 5, 1, 9}, 11, 3, 1, 6, 6},
		"the opening one again": {[]uint32{0}, 1, 0, 1, 0, 0},
		"two holes":             {[]uint32{3, 6, 1, 2, 4, 5}, 7, 4, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(7, 0)
			counts := map[verdict]int{}
			for _, seq := range c.seqs {
				counts[b.take(seq)]++
			}
			if counts[late] != c.late || counts[duplicate] != c.dup || b.lost(c.sent) != c.lost || b.lost(0) != c.lostWithoutCount {
				t.Errorf("late %d, duplicates %d, lost %d and %d; want %d, %d, %d and %d",
					counts[late], counts[duplicate], b.lost(c.sent), b.lost(0), c.late, c.dup, c.lost, c.lostWithoutCount)
			}
		})
	}
}

// TestBookAgainstModel compares with a set of all that was seen.
func TestBookAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		const sent = 40
		b := open(0, 0)
		seen := map[uint32]bool{0: true}
		highest := uint32(0)
		for range 60 {
			seq := random.Uint32N(sent)
			want := fresh
			switch {
			case seen[seq]:
				want = duplicate
			case seq < highest:
				want = late
			}
			if got := b.take(seq); got != want {
				t.Fatalf("%d is %v, want %v", seq, got, want)
			}
			seen[seq] = true
			highest = max(highest, seq)
		}
		if got := b.lost(sent); got != sent-len(seen) {
			t.Fatalf("lost %d, want %d", got, sent-len(seen))
		}
	}
}

package load

import (
	"math/rand/v2"
	"testing"
)

func TestSequenceCheck(t *testing.T) {
	for name, want := range map[string]struct {
		seqs             []uint32 // after 0, with which the check begins
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
			c := newSequenceCheck(7, 0)
			counts := map[verdict]int{}
			for _, seq := range want.seqs {
				counts[c.take(seq)]++
			}
			if counts[late] != want.late || counts[duplicate] != want.dup || c.lost(want.sent) != want.lost || c.lost(0) != want.lostWithoutCount {
				t.Errorf("late %d, duplicates %d, lost %d and %d; want %d, %d, %d and %d",
					counts[late], counts[duplicate], c.lost(want.sent), c.lost(0), want.late, want.dup, want.lost, want.lostWithoutCount)
			}
		})
	}
}

// TestSequenceCheckAgainstModel compares with a set of all that was seen.
func TestSequenceCheckAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		const sent = 40
		c := newSequenceCheck(0, 0)
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
			if got := c.take(seq); got != want {
				t.Fatalf("%d is %v, want %v", seq, got, want)
			}
			seen[seq] = true
			highest = max(highest, seq)
		}
		if got := c.lost(sent); got != sent-len(seen) {
			t.Fatalf("lost %d, want %d", got, sent-len(seen))
		}
	}
}

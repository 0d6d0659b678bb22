// Package histogram counts durations in buckets whose width grows with the
// value, so that quantiles are exact to less than 1 % from nanoseconds to hours
// and histograms of several processes can be added up.
package histogram

import (
	"math/bits"
	"time"
)

const (
	subBits    = 7 // 128 buckets for each power of two
	subBuckets = 1 << subBits
	// buckets is enough for every int64.
	buckets = (64 - subBits) * subBuckets
)

// Histogram is a set of durations. The zero value is empty. It is not safe for concurrent
// use. Its fields are exported for encoders only.
type Histogram struct {
	Counts   []uint64 // up to the last bucket that is not empty
	Total    uint64
	Sum      time.Duration
	Min, Max time.Duration
}

// Record adds d; a negative duration counts as 0.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	i := bucket(d)
	if i >= len(h.Counts) {
		h.grow(i + 1)
	}
	h.Counts[i]++
	if h.Total == 0 || d < h.Min {
		h.Min = d
	}
	h.Max = max(h.Max, d)
	h.Sum += d
	h.Total++
}

// grow allocates n buckets, and some more for larger values.
func (h *Histogram) grow(n int) {
	counts := make([]uint64, n, min(n+8*subBuckets, buckets))
	copy(counts, h.Counts)
	h.Counts = counts
}

// Add adds all durations of other.
func (h *Histogram) Add(other *Histogram) {
	if other.Total == 0 {
		return
	}
	if len(other.Counts) > len(h.Counts) {
		h.grow(len(other.Counts))
	}
	for i, n := range other.Counts {
		h.Counts[i] += n
	}
	if h.Total == 0 || other.Min < h.Min {
		h.Min = other.Min
	}
	h.Max = max(h.Max, other.Max)
	h.Sum += other.Sum
	h.Total += other.Total
}

// Quantile returns a duration that the share q of all durations does not exceed: 0.5 for
// the median. It is 0 if nothing was recorded, and never above Max.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.Total == 0 {
		return 0
	}
	rank := uint64(q*float64(h.Total) + 0.5)
	rank = min(max(rank, 1), h.Total)
	var seen uint64
	for i, n := range h.Counts {
		if seen += n; seen >= rank {
			return min(max(middle(i), h.Min), h.Max)
		}
	}
	return h.Max
}

// Mean returns the arithmetic mean, 0 if nothing was recorded.
func (h *Histogram) Mean() time.Duration {
	if h.Total == 0 {
		return 0
	}
	return h.Sum / time.Duration(h.Total)
}

// bucket returns the index of the bucket for d.
func bucket(d time.Duration) int {
	v := uint64(d)
	shift := max(bits.Len64(v)-subBits-1, 0)
	return shift*subBuckets + int(v>>shift)
}

// middle returns the value that stands for all durations in a bucket.
func middle(i int) time.Duration {
	if i < 2*subBuckets {
		return time.Duration(i)
	}
	shift := i/subBuckets - 1
	low := uint64(i-shift*subBuckets) << shift
	return time.Duration(low + 1<<shift/2)
}

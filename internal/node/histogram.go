package node

import (
	"math/bits"
	"slices"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
)

// The bounds are the reference's, so that histograms of both kinds of nodes can be added
// up.
var (
	sizeBounds    = []float64{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20} // bytes, see sizeBucket
	requestBounds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}                  // seconds
)

// sizes counts messages by their size. Their total size is counted elsewhere.
type sizes [9]atomic.Uint64

func (s *sizes) add(bytes int) { s[sizeBucket(bytes)].Add(1) }

// sizeBucket returns the bucket of sizeBounds for so many bytes: each bound is four times
// the one before.
func sizeBucket(bytes int) int {
	if bytes <= 64 {
		return 0
	}
	return min((bits.Len(uint(bytes-1))-5)/2, len(sizeBounds))
}

func (s *sizes) histogram(byKind map[core.Kind]core.Traffic) core.Histogram {
	h := core.Histogram{Bounds: slices.Clone(sizeBounds), Counts: make([]uint64, len(s))}
	for i := range s {
		h.Counts[i] = s[i].Load()
	}
	for _, t := range byKind {
		h.Sum += float64(t.Bytes)
	}
	return h
}

// durations counts requests by how long they took.
type durations struct {
	buckets [12]atomic.Uint64
	sum     atomic.Int64 // in ns
}

func (d *durations) add(t time.Duration) {
	i, _ := slices.BinarySearch(requestBounds, t.Seconds())
	d.buckets[i].Add(1)
	d.sum.Add(int64(t))
}

func (d *durations) histogram() core.Histogram {
	h := core.Histogram{Bounds: slices.Clone(requestBounds), Counts: make([]uint64, len(d.buckets))}
	for i := range d.buckets {
		h.Counts[i] = d.buckets[i].Load()
	}
	h.Sum = time.Duration(d.sum.Load()).Seconds()
	return h
}

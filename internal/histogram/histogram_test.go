package histogram

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestQuantiles compares with the exact answer, over all magnitudes.
func TestQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h Histogram
	var all []time.Duration
	for range 100_000 {
		d := time.Duration(math.Exp(random.Float64() * math.Log(float64(time.Hour))))
		all = append(all, d)
		h.Record(d)
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.001, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[min(int(q*float64(len(all))), len(all)-1)]
		if got := h.Quantile(q); math.Abs(float64(got-want)) > 0.01*float64(want)+1 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if h.Min != all[0] || h.Max != all[len(all)-1] || h.Total != uint64(len(all)) {
		t.Errorf("min %v, max %v, total %d; want %v, %v, %d", h.Min, h.Max, h.Total, all[0], all[len(all)-1], len(all))
	}
}

func TestAddIsRecordingAll(t *testing.T) {
	var a, b, both Histogram
	for i := range 1000 {
		d := time.Duration(i*i) * time.Microsecond
		if i%3 == 0 {
			a.Record(d)
		} else {
			b.Record(d)
		}
		both.Record(d)
	}
	a.Add(&b)
	a.Add(&Histogram{})
	for _, q := range []float64{0.1, 0.5, 0.99} {
		if a.Quantile(q) != both.Quantile(q) {
			t.Errorf("quantile %v is %v, want %v", q, a.Quantile(q), both.Quantile(q))
		}
	}
	if a.Total != both.Total || a.Mean() != both.Mean() || a.Min != both.Min || a.Max != both.Max {
		t.Error("totals differ")
	}
}

func TestExtremes(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Mean() != 0 {
		t.Error("an empty histogram has values")
	}
	h.Record(-time.Second)
	h.Record(math.MaxInt64)
	if h.Min != 0 || h.Max != math.MaxInt64 || h.Quantile(1) != math.MaxInt64 && h.Quantile(1) < math.MaxInt64/100*99 {
		t.Errorf("min %v, max %v, last %v", h.Min, h.Max, h.Quantile(1))
	}
	for _, d := range []time.Duration{0, 1, 127, 128, 255, 256, 257, 1 << 40, math.MaxInt64} {
		if m := middle(bucket(d)); math.Abs(float64(m)-float64(d)) > float64(d)/128 {
			t.Errorf("%d is counted as %d", d, m)
		}
	}
}

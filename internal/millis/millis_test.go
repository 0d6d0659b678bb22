package millis_test

import (
	"math"
	"testing"
	"time"

	"github.com/socketmesh/mesh/internal/millis"
)

func TestCeil(t *testing.T) {
	for d, want := range map[time.Duration]int64{
		0:                                0,
		1:                                1,
		time.Millisecond:                 1,
		time.Millisecond + 1:             2,
		2*time.Second - 1:                2000,
		-1:                               0,
		-time.Millisecond:                -1,
		-time.Millisecond - 1:            -1,
		math.MaxInt64:                    math.MaxInt64/1_000_000 + 1,
		math.MaxInt32 * time.Millisecond: math.MaxInt32,
	} {
		if got := millis.Ceil(d); got != want {
			t.Errorf("Ceil(%v) is %d: want %d", d, got, want)
		}
	}
}

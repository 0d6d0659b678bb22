package memlimit

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestBytes(t *testing.T) {
	before := debug.SetMemoryLimit(math.MaxInt64)
	defer debug.SetMemoryLimit(before)
	if n := Bytes(); runtime.GOOS == "linux" && n <= 0 || n == math.MaxInt64 {
		t.Errorf("without GOMEMLIMIT: %d", n)
	}
	debug.SetMemoryLimit(64 << 20)
	if n := Bytes(); n != 64<<20 {
		t.Errorf("with a GOMEMLIMIT of 64 MiB: %d", n)
	}
}

func TestTotal(t *testing.T) {
	for text, want := range map[string]int64{
		"MemTotal:       24000000 kB\nMemFree: 1 kB\n": 24000000 << 10,
		"MemFree: 1 kB\n":  0,
		"MemTotal: many\n": 0,
		"":                 0,
	} {
		if got := total(text); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}
